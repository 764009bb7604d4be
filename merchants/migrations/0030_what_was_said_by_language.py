from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0029_tokens_by_two'),
    ]

    operations = [
        migrations.AddField(
            model_name='operation',
            name='words',
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
