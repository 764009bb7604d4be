import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0005_saved_views_and_asked_gaps'),
    ]

    operations = [
        migrations.CreateModel(
            name='CustomRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('rights', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('LOOK_UP', 'Look up transactions, receipts, terminals and people'), ('FIGURES', 'See totals, reconciliations and reports'), ('EXPORT', 'Download rows and reports'), ('PERSONAL', 'See mobile numbers and e-mails in full'), ('CARDS', 'See the first six digits of cards'), ('FLEET', 'Change terminals and who holds them'), ('ACCOUNTS', 'Manage accounts at providers'), ('TEAM', 'Invite and change members of the team'), ('TOKENS', 'Make keys to the API'), ('TRAIL', 'Read the trail of who did and saw what')], max_length=20), size=None)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='membership',
            name='role_is_known',
        ),
        migrations.AddField(
            model_name='membership',
            name='ended_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='membership',
            name='expires_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='membership',
            name='role',
            field=models.CharField(choices=[('OWNER', 'Owner'), ('ADMIN', 'Admin'), ('ACCOUNTANT', 'Accountant'), ('SUPPORT', 'Support agent'), ('CUSTOM', 'Own role')], max_length=12),
        ),
        migrations.AddField(
            model_name='customrole',
            name='merchant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='custom_roles', to='merchants.merchant'),
        ),
        migrations.AddField(
            model_name='membership',
            name='custom_role',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='merchants.customrole'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['OWNER', 'ADMIN', 'ACCOUNTANT', 'SUPPORT', 'CUSTOM'])), name='role_is_known'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('role', 'CUSTOM'), ('custom_role', None), _connector='XOR'), name='a_custom_role_is_named'),
        ),
        migrations.AddConstraint(
            model_name='customrole',
            constraint=models.UniqueConstraint(fields=('merchant', 'name'), name='one_custom_role_per_name'),
        ),
        migrations.AddConstraint(
            model_name='customrole',
            constraint=models.CheckConstraint(condition=models.Q(('rights__contained_by', ['LOOK_UP', 'FIGURES', 'EXPORT', 'PERSONAL', 'CARDS', 'FLEET', 'ACCOUNTS', 'TEAM', 'TOKENS', 'TRAIL'])), name='rights_are_known'),
        ),
    ]
