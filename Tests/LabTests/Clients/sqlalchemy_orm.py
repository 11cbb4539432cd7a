"""SQLAlchemy's ORM through a proxy (PORT)."""
import os
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "sa_author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40), unique=True)
    books: Mapped[list["Book"]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "sa_book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(80))
    cover: Mapped[bytes | None] = mapped_column(sa.LargeBinary(1 << 24))
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("sa_author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


url = "mysql+pymysql://{DB_USER}:{DB_PASSWORD}@127.0.0.1:{PORT}/{DB_NAME}".format(**os.environ)
engine = sa.create_engine(url, pool_pre_ping=True, pool_size=4)
Base.metadata.create_all(engine)
cover = os.urandom(1_000_000)
with Session(engine) as session, session.begin():
    session.add(Author(name="Ursula", books=[Book(title=f"book {i}", cover=cover if i == 0 else None) for i in range(20)]))
with Session(engine) as session:
    ursula = session.scalars(sa.select(Author).where(Author.name == "Ursula")).one()
    assert len(ursula.books) == 20 and ursula.books[0].cover == cover
    ursula.books.pop()
    session.commit()
    assert session.scalar(sa.select(sa.func.count(Book.id))) == 19
with Session(engine) as session:
    session.add(Author(name="Ursula"))
    try:
        session.commit()
        raise AssertionError("no error")
    except IntegrityError as error:
        assert error.orig.args[0] == 1062
        session.rollback()
    with session.begin_nested():
        session.add(Author(name="Stanislaw"))
    session.rollback()
    assert session.scalar(sa.select(sa.func.count(Author.id))) == 1
assert {"sa_author", "sa_book"} <= set(sa.inspect(engine).get_table_names())
assert sa.inspect(engine).get_foreign_keys("sa_book")[0]["referred_table"] == "sa_author"
print("fine", end="")
