from django.db import migrations

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('settlements', '0003_merchant_is_the_accounts'),
        ('merchants', '0013_rows_are_their_merchants'),
    ]

    operations = [
        isolate("settlements_reconciliation"),
        isolate(
            "settlements_schemetotal",
            "exists (select from settlements_reconciliation r where r.id = reconciliation_id)",
        ),
    ]
