
import django.db.models.fields.json
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0020_receipts_can_be_checked'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(models.F('account'), django.db.models.fields.json.KeyTransform('sale', 'asked'), condition=models.Q(('kind', 'OPEN_SESSION')), name='operation_by_sale'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(models.F('account'), django.db.models.fields.json.KeyTransform('id', 'outcome'), condition=models.Q(('kind', 'OPEN_SESSION')), name='operation_by_session'),
        ),
    ]
