import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0009_invitations'),
    ]

    operations = [
        migrations.AddField(
            model_name='apitoken',
            name='begins',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='branches',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='expires_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='name',
            field=models.CharField(blank=True, max_length=60, verbose_name='name'),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='rights',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('LOOK_UP', 'Look up transactions, receipts, terminals and people'), ('FIGURES', 'See totals, reconciliations and reports'), ('EXPORT', 'Download rows and reports'), ('PERSONAL', 'See mobile numbers and e-mails in full'), ('CARDS', 'See the first six digits of cards'), ('FLEET', 'Change terminals and who holds them'), ('ACCOUNTS', 'Manage accounts at providers'), ('TEAM', 'Invite and change members of the team'), ('TOKENS', 'Make keys to the API'), ('TRAIL', 'Read the trail of who did and saw what')], max_length=20), null=True, size=None),
        ),
    ]
