from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('terminals', '0007_who_held_what_when'),
    ]

    operations = [
        migrations.AddField(
            model_name='terminal',
            name='agreed_at',
            field=models.DateTimeField(null=True),
        ),
    ]
