"""What is in an image, and what makes another one of it."""

from firedrill.lab import image


def test_a_role_with_an_addition_has_an_image_of_its_own():
    plain, added = image.folder(bare=False), image.folder(bare=False, added=("mysqld",))
    assert plain != added and image.kind(added) == "cluster+mysqld"


def test_the_addition_changes_no_other_image():
    roles = ("etcd", "postgres", "proxy", "app")
    assert image.additions(roles) == () and image.additions((*roles, "mysqld")) == ("mysqld",)
    assert "mysql" not in repr(image.recipe("trixie", bare=False))


def test_a_release_has_an_image_of_its_own_with_its_packages():
    old, new = (image.recipe(name, bare=False) for name in ("bookworm", "trixie"))
    assert "postgresql-15," in old["packages"] and "postgresql-17," in new["packages"]
    assert "PerSourcePenalties" in new["sshd"] and "PerSourcePenalties" not in old["sshd"]
    assert image.folder("bookworm", bare=False) != image.folder("trixie", bare=False) == image.folder(bare=False)
