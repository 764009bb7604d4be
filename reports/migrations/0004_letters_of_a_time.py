import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reports', '0003_looked_and_books'),
    ]

    operations = [
        migrations.AddField(
            model_name='plannedrun',
            name='letters',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
        ),
    ]
