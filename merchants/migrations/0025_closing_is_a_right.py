import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0024_who_made_a_program'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='customrole',
            name='rights_are_known',
        ),
        migrations.AlterField(
            model_name='apitoken',
            name='rights',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('LOOK_UP', 'Look up transactions, receipts, terminals and people'), ('FIGURES', 'See totals, reconciliations and reports'), ('EXPORT', 'Download rows and reports'), ('CLOSE', 'Close business days and months'), ('REOPEN', 'Open closed days again'), ('PERSONAL', 'See mobile numbers and e-mails in full'), ('REVEAL', 'See one person in full after giving a reason'), ('CARDS', 'See the first six digits of cards'), ('FLEET', 'Change terminals and who holds them'), ('PAYMENTS', 'Ask terminals for payments and refunds'), ('ACCOUNTS', 'Manage accounts at providers'), ('TEAM', 'Invite and change members of the team'), ('TOKENS', 'Make keys to the API'), ('TRAIL', 'Read the trail of who did and saw what')], max_length=20), null=True, size=None),
        ),
        migrations.AlterField(
            model_name='customrole',
            name='rights',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('LOOK_UP', 'Look up transactions, receipts, terminals and people'), ('FIGURES', 'See totals, reconciliations and reports'), ('EXPORT', 'Download rows and reports'), ('CLOSE', 'Close business days and months'), ('REOPEN', 'Open closed days again'), ('PERSONAL', 'See mobile numbers and e-mails in full'), ('REVEAL', 'See one person in full after giving a reason'), ('CARDS', 'See the first six digits of cards'), ('FLEET', 'Change terminals and who holds them'), ('PAYMENTS', 'Ask terminals for payments and refunds'), ('ACCOUNTS', 'Manage accounts at providers'), ('TEAM', 'Invite and change members of the team'), ('TOKENS', 'Make keys to the API'), ('TRAIL', 'Read the trail of who did and saw what')], max_length=20), size=None),
        ),
        migrations.AddConstraint(
            model_name='customrole',
            constraint=models.CheckConstraint(condition=models.Q(('rights__contained_by', ['LOOK_UP', 'FIGURES', 'EXPORT', 'CLOSE', 'REOPEN', 'PERSONAL', 'REVEAL', 'CARDS', 'FLEET', 'PAYMENTS', 'ACCOUNTS', 'TEAM', 'TOKENS', 'TRAIL'])), name='rights_are_known'),
        ),
    ]
