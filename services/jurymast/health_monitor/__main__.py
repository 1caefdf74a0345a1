from jurymast.health_monitor.app import app
from jurymast.health_monitor.settings import HealthMonitorSettings
from jurymast.service import run_service

run_service("health-monitor", HealthMonitorSettings, app)
