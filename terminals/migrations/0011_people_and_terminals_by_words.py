from django.db import migrations

from portal.folding import words_column


class Migration(migrations.Migration):
    dependencies = [("terminals", "0010_own_words")]
    operations = [
        migrations.AddField("terminaluser", "words", words_column("name")),
        migrations.AddField("terminal", "words", words_column("name", "label")),
    ]
