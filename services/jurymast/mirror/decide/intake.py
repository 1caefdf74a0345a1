"""Whether an action is taken in: signed by whom it binds, in time, new, and covered by what there is.

What the ledger would refuse at its place is refused here already. Until it stands there nobody is told that it was accepted.
"""

from __future__ import annotations

from jurymast.book.events import IntentAccepted
from jurymast.book.execute import Action
from jurymast.book.intents import check, identity
from jurymast.book.matches import agreed
from jurymast.book.refusals import AlreadyAccepted, InsufficientBalance, NotAuthorised
from jurymast.book.signed import BridgeOut, Intent, Join, Verdict, Withdrawal
from jurymast.book.state import Ledger
from jurymast.crypto.eip712 import Domain
from jurymast.crypto.secp256k1 import recover
from jurymast.errors import Rejected


def taken(ledger: Ledger, domain: Domain, action: Action, now: int) -> Rejected | None:
    """Why not; None if it may be said to the ledger. What is in there already needs no second check: its answer is known."""
    try:
        check(ledger, IntentAccepted(action=action, now=now))
        _authorise(ledger, domain, action)
        _cover(ledger, action)
    except AlreadyAccepted:
        return None
    except Rejected as refused:
        return refused
    return None


def _authorise(ledger: Ledger, domain: Domain, action: Action) -> None:
    signed = action.signed
    owner, _ = identity(signed)
    if isinstance(signed, Verdict):
        authority = agreed(action.terms, signed.match).oracle
    elif isinstance(signed, BridgeOut) and signed.account != ledger.treasury:
        raise NotAuthorised(signed.account)
    else:
        authority = ledger.account(owner).authority
    if recover(signed.digest(domain), action.signature) != authority:
        raise NotAuthorised(owner)


def _cover(ledger: Ledger, action: Action) -> None:
    """By what is there now: others may take it before this is planned, and then it waits, or expires."""
    match action.signed:
        case Intent(account=account, sell_asset=asset, sell_amount=needed):
            pass
        case Withdrawal(account=account, asset=asset, amount=needed) | Join(account=account, asset=asset, stake=needed):
            pass
        case _:
            return
    if (available := ledger.balance(account, asset).available) < needed:
        raise InsufficientBalance(account, asset, available, needed)
