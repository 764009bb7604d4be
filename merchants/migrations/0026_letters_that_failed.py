import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0025_closing_is_a_right'),
    ]

    operations = [
        migrations.AddField(
            model_name='letter',
            name='failed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='letter',
            name='next_try_at',
            field=models.DateTimeField(db_index=True, default=django.utils.timezone.now, null=True),
        ),
    ]
