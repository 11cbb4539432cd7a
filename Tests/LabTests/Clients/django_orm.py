"""Django's ORM, with migrations of its own tables, through a proxy (PORT); its driver is mysqlclient."""
import os
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"], DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.mysql", "HOST": "127.0.0.1", "PORT": os.environ["PORT"], "USER": os.environ["DB_USER"],
        "PASSWORD": os.environ["DB_PASSWORD"], "NAME": os.environ["DB_NAME"]}})
django.setup()
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, transaction  # noqa: E402

call_command("migrate", verbosity=0)
ursula = User.objects.create_user("ursula", password="secret")
ursula.groups.add(Group.objects.create(name="writers"))
assert User.objects.filter(groups__name="writers").get().pk == ursula.pk
try:
    with transaction.atomic():
        Group.objects.create(name="readers")
        User.objects.create_user("ursula")
    raise AssertionError("no error")
except IntegrityError as error:
    assert error.args[0] == 1062
assert Group.objects.count() == 1
with transaction.atomic():
    Group.objects.bulk_create(Group(name=f"group {i}") for i in range(200))
    assert Group.objects.select_for_update().filter(name__startswith="group").count() == 200
for i in range(20):
    Group.objects.filter(name=f"group {i}").update(name=f"renamed {i}")
    assert Group.objects.filter(name=f"renamed {i}").exists()
assert "auth_user" in connection.introspection.table_names()
print("fine", end="")
