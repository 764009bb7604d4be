import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0011_letters'),
    ]

    operations = [
        migrations.AddField(
            model_name='merchant',
            name='digest_sent_at',
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
    ]
