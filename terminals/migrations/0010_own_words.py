from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('terminals', '0009_bulk_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='terminal',
            name='label',
            field=models.CharField(blank=True, db_default='', default='', max_length=100),
        ),
        migrations.AddField(
            model_name='terminal',
            name='note',
            field=models.CharField(blank=True, db_default='', default='', max_length=1000),
        ),
        migrations.AddField(
            model_name='terminal',
            name='spare',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
