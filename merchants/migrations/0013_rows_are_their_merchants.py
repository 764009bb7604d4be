from django.db import migrations

from portal.isolation import isolate

OF_ACCOUNT = "account_id in (select id from merchants_provideraccount)"
OF_MEMBER = (
    "exists (select from merchants_membership m"
    " where m.id = membership_id and m.merchant_id = {merchant})"
)
OF_ENTRY = "exists (select from merchants_auditentry e where e.id = entry_id)"
OF_CHAIN = "chain = {merchant}"
# A person sees for which merchants they work, as what, whichever of them they look at.
WORKS_THERE = (
    "exists (select from merchants_membership m where m.user_id = {{person}}"
    " and m.merchant_id = {table}.{column})"
)


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0012_digests'),
    ]

    operations = [
        isolate("merchants_membership", seen="user_id = {person}"),
        isolate(
            "merchants_merchant",
            "id = {merchant}",
            seen=WORKS_THERE.format(table="merchants_merchant", column="id"),
        ),
        isolate(
            "merchants_customrole",
            seen=WORKS_THERE.format(table="merchants_customrole", column="merchant_id"),
        ),
        isolate("merchants_membership_branches", OF_MEMBER),
        isolate("merchants_apitoken", OF_MEMBER),
        *(
            isolate(f"merchants_{name}")
            for name in ("branch", "invitation", "savedview", "provideraccount", "auditentry")
        ),
        isolate(
            "merchants_invitation_branches",
            "exists (select from merchants_invitation i where i.id = invitation_id)",
        ),
        *(
            isolate(f"merchants_{name}", OF_ACCOUNT)
            for name in ("branchidentity", "syncrun", "bookmark", "gap", "setaside", "hint")
        ),
        isolate(
            "merchants_syncstep", "exists (select from merchants_syncrun r where r.id = run_id)"
        ),
        *(
            isolate(f"merchants_{name}", OF_CHAIN)
            for name in ("auditseal", "auditpending", "audithead", "auditstub")
        ),
        isolate("merchants_auditvalue", OF_ENTRY),
    ]
