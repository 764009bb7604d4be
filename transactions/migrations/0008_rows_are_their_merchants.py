from django.db import migrations

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('transactions', '0007_rollups'),
        ('merchants', '0013_rows_are_their_merchants'),
    ]

    operations = [
        *(
            isolate(f"transactions_{name}")
            for name in ("transaction", "session", "daytotal", "hourtotal", "declinetotal")
        ),
        isolate(
            "transactions_receipt",
            "exists (select from transactions_transaction t where t.id = transaction_id)",
        ),
    ]
