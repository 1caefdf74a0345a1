"""One message per channel, each field with a value of its own, so that no two fields could be confused in the bytes."""

from __future__ import annotations

from jurymast.book import events
from jurymast.book.execute import Action
from jurymast.book.signed import Join, Terms, Verdict
from jurymast.messages import claims, dead, guard, health, intents, lease, ledger, permits, service
from jurymast.messages.catalog import channels, queries
from jurymast.messages.channel import AnyChannel, Message

LETTER = dead.DeadLetter(
    service="mirror",
    consumer="mirror-joins",
    stream="MATCHES",
    sequence=4_294_967_297,
    cause="exhausted",
    reason="Transient: the ledger did not answer (after 6 attempts)",
    attempts=6,
    dead_ms=1_767_225_600_123,
    subject="match.joined.A7",
    headers={"Jurymast-Schema": "match.joined/3;reader=2", "Nats-Msg-Id": "match.joined.A7.1"},
    payload=b"\x81\xa5match\xa2A7\x00\xff",
)

POLICY = health.Policy(
    application=b"\xa5" * 32,
    chain="solana",
    family="evm",
    chain_id="5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
    observers=("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"),
    threshold=2,
    quorum=3,
    window_ms=30_000,
    interval_ms=2_001,
    timeout_ms=2_002,
    max_skew_ms=10_003,
    max_age_ms=60_004,
    slot_ms=400,
    speed_percent=51,
    lag_blocks=11,
    finality_blocks=152,
    finality_step_ms=4_004,
    drift_ms=60_005,
    slow_ms=503,
)

OBSERVATION = health.Observation(
    chain="solana",
    chain_id="mainnet",
    kind="recovery",
    observer="0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
    policy_hash=b"\x01" * 32,
    from_ms=1_767_225_570_000,
    to_ms=1_767_225_600_001,
    head_first=377_000_000,
    head_last=377_000_075,
    finalized_first=376_999_968,
    finalized_last=377_000_043,
    clock_ms=1_767_225_599_000,
    highest_head=377_000_077,
    halt_id=b"\x02" * 32,
    halt_head=376_999_900,
    evidence=(
        health.Evidence(
            provider="acme-1",
            operator="acme",
            answers=15,
            failures=2,
            longest_gap_ms=4_000,
            longest_stall_ms=3_000,
            head_first=377_000_001,
            head_last=377_000_076,
            head_highest=377_000_078,
            tip_highest=377_000_079,
            finalized_first=376_999_969,
            finalized_last=377_000_044,
            finalized_age_ms=400,
            clock_ms=1_767_225_599_001,
            read_ms=1_767_225_600_002,
            trouble="timeout: no answer within 2 s",
        ),
    ),
    signature=b"\x03" * 65,
)

TERMS = Terms(asset=16, stake=17_000, players=18, oracle=b"\x05" * 20, fee_bps=190, prizes_bps=(6_000, 4_000), salt=b"\x06" * 32)
ACTIONS = (
    Action(signed=Verdict(match=b"\x04" * 32, step=15, ranking=(b"\x12" * 32,)), signature=b"\x07" * 65, terms=TERMS),
    Action(
        signed=Join(account=b"\x08" * 32, match=b"\x09" * 32, asset=20, stake=21_000, nonce=22, deadline=1_767_225_701),
        signature=b"\x0a" * 64,
        terms=TERMS,
    ),
)

STANDING = intents.IntentStands(
    account="15" * 32, nonce=44, status="rejected", reason="too small", chain=2, epoch=12, batch=45, ledger=46_000_000_000
)

SAMPLES: dict[str, Message] = {
    claims.EPOCH.name: claims.EpochRecord(
        epoch=41,
        state="cut",
        chain=2,
        switch="failover-41",
        recorded_ms=1_767_225_608_008,
        cut=claims.Cut(
            ledger=4_294_967_298,
            heights=(
                claims.Height(chain=1, height=377_000_090, block=b"\x11" * 32),
                claims.Height(chain=3, height=300_000_000, block=b"\x12" * 32),
            ),
            root=b"\x13" * 32,
            totals=(claims.Total(asset=4, amount=(1 << 64) - 1), claims.Total(asset=5, amount=6)),
            cid="bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
        ),
    ),
    claims.INTENT.name: claims.Claimed(
        account="0a" * 32,
        nonce=(1 << 64) - 1,
        attempt=2,
        chain=1,
        epoch=42,
        batch=4_294_967_299,
        expiry=377_000_150,
        body=b"\x14" * 32,
    ),
    claims.OUTCOME.name: claims.Concluded(
        account="0b" * 32,
        nonce=7,
        attempt=3,
        fate="released",
        chain=2,
        epoch=43,
        batch=4_294_967_300,
        proof=claims.Proof(
            height=300_000_001,
            block=b"\x15" * 32,
            clock=1_767_225_609,
            fence=44,
            cid="bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
        ),
    ),
    guard.JOURNAL.name: guard.JournalHead(
        guard="0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF",
        journal=b"\x16" * 16,
        sequence=4_294_967_301,
        digest=b"\x17" * 16,
        epoch=45,
    ),
    dead.DEAD.name: LETTER,
    dead.REPLAY.name: LETTER,
    health.PROVIDER_CHANGED.name: health.ProviderChanged(
        chain="solana",
        provider="acme-1",
        operator="acme",
        monitor="0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
        instance="host-3-51cd",
        was_healthy=True,
        healthy=False,
        reason="timeout: no answer within 2 s",
        score=490,
        changed_ms=1_767_225_605_005,
    ),
    health.CHAIN_CHANGED.name: health.ChainChanged(
        chain="arbitrum",
        monitor="unsigned",
        instance="host-3-51ce",
        was="degraded",
        verdict="halted",
        reason="no new block for 30 s, say 3 operators",
        head=412_000_000,
        finalized=411_990_000,
        changed_ms=1_767_225_606_006,
    ),
    health.OBSERVED.name: health.Observations(observer=OBSERVATION.observer, observations=(OBSERVATION,)),
    health.CERTIFIED.name: health.Certificate(chain="solana", kind="halt", policy=POLICY, observations=(OBSERVATION,)),
    health.SNAPSHOT.ask.name: health.SnapshotAsked(chain="solana"),
    health.SNAPSHOT.answer.name: health.Snapshot(
        monitor="host-4-77aa",
        observer="0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF",
        taken_ms=1_767_225_607_007,
        chains=(
            health.ChainHealth(
                chain="solana",
                verdict="degraded",
                reason="the chain's clock is 1800 s behind",
                since_ms=1_767_225_600_700,
                head=377_000_080,
                finalized=377_000_048,
                behind_ms=1_800_000,
                certified="recovery 12",
                providers=(
                    health.ProviderHealth(
                        provider="bolt-1",
                        operator="bolt",
                        healthy=True,
                        score=987,
                        reason="answers",
                        since_ms=1_767_225_600_800,
                        latency_ms=83,
                        head=377_000_081,
                        finalized=377_000_049,
                    ),
                ),
            ),
        ),
    ),
    health.LAST_CERTIFICATE.ask.name: health.LastCertificateAsked(chain="arbitrum"),
    health.LAST_CERTIFICATE.answer.name: health.LastCertificate(
        chain="arbitrum",
        sequence=17,
        certificate=health.Certificate(chain="solana", kind="recovery", policy=POLICY, observations=(OBSERVATION,)),
    ),
    intents.SUBMIT.ask.name: intents.Submit(action=ACTIONS[1]),
    intents.SUBMIT.answer.name: intents.Submitted(
        account="13" * 32, nonce=42, accepted=True, status="planned", refusal="NonceUsed", reason="NonceUsed: nonce 42 of many"
    ),
    intents.STANDS.ask.name: intents.IntentAsked(account="14" * 32, nonce=43),
    intents.STANDS.answer.name: STANDING,
    intents.CHANGED.name: STANDING,
    lease.LEASE.name: lease.LeaseHeld(service="mirror", lease="relay", holder="host-42-9f3c", renewed_ms=1_767_225_601_001),
    ledger.INTENTS.name: ledger.IntentChanged(event=events.IntentAccepted(action=ACTIONS[1], now=1_767_225_611)),
    ledger.GONE.name: ledger.IntentGone(event=events.IntentCancelled(owner=b"\x19" * 32, nonce=46)),
    ledger.ORDERS.name: ledger.OrderChanged(
        event=events.OrderPlaced(market=23, order=b"\x0b" * 32, account=b"\x0c" * 32, side="sell", price=24_000, quantity=25_001)
    ),
    ledger.MARKETS.name: ledger.MarketChanged(
        event=events.MarketOpened(market=26, base=27, quote=28, unit=1_000_000, margin_bps=1_200)
    ),
    ledger.PLANNED.name: ledger.Planned(
        event=events.BatchPlanned(
            chain=2,
            epoch=7,
            batch=29,
            expiry=1_767_225_702,
            actions=ACTIONS,
            prices={11: 30_000, 12: 31_000},
            absent=((b"\x0d" * 32, 32),),
            dead=((b"\x0e" * 32, 33),),
        )
    ),
    ledger.ENDED.name: ledger.Ended(event=events.BatchExecuted(chain=1, epoch=8, batch=34, height=412_000_002)),
    ledger.DOUBT.name: ledger.Doubt(event=events.BatchResolved(chain=1, epoch=9, batch=35, executed=True)),
    ledger.LANDED.name: ledger.Landed(
        event=events.Deposited(chain=2, epoch=10, sequence=36, account=b"\x0f" * 32, asset=37, amount=38_000, height=412_000_003)
    ),
    ledger.CARRIED_OVER.name: ledger.CarriedOver(
        event=events.Credited(chain=1, sequence=39, epoch=2, account=b"\x10" * 32, asset=40, amount=41_000)
    ),
    ledger.EPOCHS.name: ledger.EpochMoved(event=events.EpochCut(epoch=11, heights={1: 377_000_002, 2: 412_000_004})),
    ledger.ARRIVED.name: ledger.Arrived(event=events.BridgeArrived(transfer=b"\x11" * 32)),
    permits.SIGNED.name: permits.PermitSigned(
        chain=2,
        epoch=13,
        batch=47,
        guard="0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
        expiry=1_767_225_703,
        body=b"\x1a" * 32,
        signature=b"\x1b" * 65,
    ),
    permits.REFUSED.name: permits.PermitRefused(
        chain=1,
        epoch=14,
        batch=48,
        guard="0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF",
        body="1c" * 32,
        reason="nonce 49 is not signed by its owner",
        signature=b"\x1d" * 65,
    ),
    permits.KEPT.name: permits.ProofKept(
        cid="bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", chain=2, evidence=b"\x1e" * 5
    ),
    permits.WHERE.ask.name: permits.WhereAsked(account="1f" * 32, nonce=50),
    permits.WHERE.answer.name: permits.Where(
        guard="0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
        account="20" * 32,
        nonce=51,
        executed_on=2,
        attempts=(permits.Attempted(attempt=1, chain=2, epoch=15, batch=52, fate="executed", cid="bafkreia"),),
        chains=(permits.SeenOn(chain=1, height=377_000_003, used=False, trouble="2 operators must say the same"),),
    ),
    permits.GUARD.ask.name: permits.GuardAsked(guard="0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"),
    permits.GUARD.answer.name: permits.GuardStands(
        guard="0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF",
        instance="host-9-88aa",
        leads=True,
        ledger=53_000,
        claims=54_000,
        journal=55_000,
        frozen=16,
        lost_before=-1,
        signed=56_000,
        waiting=57,
        unconcluded=58,
        troubles=("no chain 1 is configured",),
    ),
    service.STARTED.name: service.ServiceStarted(
        service="bridge", instance="host-7-01ab", version="1.2.3", started_ms=1_767_225_602_002
    ),
    service.STOPPED.name: service.ServiceStopped(
        service="bridge", instance="host-7-01ab", reason="SIGTERM", stopped_ms=1_767_225_603_003
    ),
    service.STATUS.ask.name: service.StatusAsked(service="switcher"),
    service.STATUS.answer.name: service.ServiceStatus(
        service="switcher",
        instance="host-8-77fe",
        version="4.5.6",
        started_ms=1_767_225_604_004,
        ready=True,
        checks=(service.Check(name="nats", ok=False, reason="no answer within 2 s"),),
        http_port=8_081,
    ),
}


def wire_channels() -> dict[str, AnyChannel]:
    """Everything that travels: events, and both directions of queries."""
    asked = [channel for query in queries() for channel in (query.ask, query.answer)]
    return {channel.name: channel for channel in [*channels(), *asked]}
