import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


# What waits for its seal is known by the database, whoever adds an entry.
PENDING = """
create function merchants_entry_waits() returns trigger language plpgsql as $$
begin
    insert into merchants_auditpending (entry_id, chain)
    select id, coalesce(merchant_id, 0) from added;
    return null;
end
$$;
create trigger entry_waits after insert on merchants_auditentry
    referencing new table as added for each statement execute function merchants_entry_waits();
"""
UNDO = """
drop trigger entry_waits on merchants_auditentry;
drop function merchants_entry_waits();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0006_rights_and_ends'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('door', models.CharField(choices=[('PAGE', 'Page'), ('API', 'API'), ('COMMAND', 'Command'), ('JOB', 'Job')], max_length=8)),
                ('address', models.GenericIPAddressField(null=True)),
                ('action', models.CharField(max_length=40)),
                ('subject_kind', models.CharField(blank=True, max_length=20)),
                ('subject_id', models.BigIntegerField(null=True)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('facts', models.JSONField(default=dict)),
                ('actor', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, to=settings.AUTH_USER_MODEL)),
                ('merchant', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
            ],
        ),
        migrations.CreateModel(
            name='AuditHead',
            fields=[
                ('chain', models.BigIntegerField(primary_key=True, serialize=False)),
                ('number', models.BigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
                ('signature', models.BinaryField(max_length=36)),
            ],
        ),
        migrations.CreateModel(
            name='AuditStub',
            fields=[
                ('chain', models.BigIntegerField(primary_key=True, serialize=False)),
                ('number', models.BigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
                ('removed_at', models.DateTimeField()),
                ('signature', models.BinaryField(max_length=36)),
            ],
        ),
        migrations.CreateModel(
            name='AuditPending',
            fields=[
                ('entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='pending', serialize=False, to='merchants.auditentry')),
                ('chain', models.BigIntegerField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='PersonKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('subject_id', models.BigIntegerField()),
                ('sealed', models.BinaryField(null=True)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('destroyed_at', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('kind', 'subject_id'), name='one_key_per_person')],
            },
        ),
        migrations.CreateModel(
            name='AuditValue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('sealed', models.BinaryField()),
                ('entry', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, to='merchants.auditentry')),
                ('key', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, to='merchants.personkey')),
            ],
        ),
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='seal', serialize=False, to='merchants.auditentry')),
                ('chain', models.BigIntegerField()),
                ('number', models.BigIntegerField()),
                ('previous', models.BinaryField(max_length=32)),
                ('hash', models.BinaryField(max_length=32)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('chain', 'number'), name='one_seal_per_place')],
            },
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['merchant', 'at', 'id'], name='trail_by_time'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['merchant', 'actor', 'at', 'id'], name='trail_by_actor'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['merchant', 'action', 'at', 'id'], name='trail_by_action'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['merchant', 'subject_kind', 'subject_id', 'at', 'id'], name='trail_by_subject'),
        ),
        migrations.AddConstraint(
            model_name='auditentry',
            constraint=models.CheckConstraint(condition=models.Q(('door__in', ['PAGE', 'API', 'COMMAND', 'JOB'])), name='door_is_known'),
        ),
        migrations.RunSQL(PENDING, UNDO),
    ]
