"""The report of a study: figures as files, numbers as JSON, and one page that holds it all."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from .. import plots
from ..files import atomic_write, make_folder
from . import curves, pictures, tables
from .denoising import Denoising
from .image_tasks import Images
from .properties import Properties
from .settings import StudySettings
from .words import conclusion, number, percent
from .words import denoising as words_of_denoising
from .words import images as words_of_images
from .words import properties as words_of_properties

if TYPE_CHECKING:
    from markupsafe import Markup

DPI = 200
TEMPLATE = "report.html.jinja"


@dataclass(frozen=True, repr=False)
class Results:
    """What a study found; None for the tasks that were not asked for.

    Attributes
    ----------
    settings : StudySettings
    properties : Properties, optional
        Task 1.
    images : Images, optional
        Task 2; also there when only Task 3 was asked for, which builds on it.
    denoising : Denoising, optional
        Task 3.
    about : dict
        Backend, device and versions.
    """

    settings: StudySettings
    properties: Properties | None
    images: Images | None
    denoising: Denoising | None
    about: dict[str, Any]

    def __repr__(self) -> str:
        return f"<Results of a study of {self.settings.dataset}, tasks {list(self.settings.tasks)}>"

    def as_json(self) -> dict[str, Any]:
        """All numbers; the tasks under ``task1``, ``task2`` and ``task3``."""
        found: dict[str, Any] = {"settings": self.settings.as_json(), **self.about}
        studies = (self.properties, self.images, self.denoising)
        for task, study in enumerate(studies, 1):
            if study is not None and task in self.settings.tasks:
                found[f"task{task}"] = study.numbers
        return found


@dataclass(frozen=True)
class Drawing:
    """A figure to come.

    Attributes
    ----------
    name : str
        Of its file, without ending.
    draw : callable
        Makes it.
    about : str
        Says what it shows to those who cannot see it.
    plot : bool
        Whether it is a plot, which is written as SVG too, or a picture.
    """

    name: str
    draw: Callable[[], Figure]
    about: str
    plot: bool


def drawings(results: Results) -> list[Drawing]:
    """All figures of a study."""
    found: list[Drawing] = []
    if results.properties is not None:
        one = results.properties.numbers
        found.append(_drawing("1g-convergence", curves.small_convergence, one))
    if results.images is not None and 2 in results.settings.tasks:
        found += _drawings_of_images(results.images)
    if results.denoising is not None:
        found += _drawings_of_denoising(results.denoising)
    return found


def _drawing(name: str, maker: Callable[..., Figure], *arguments: Any) -> Drawing:
    about = (maker.__doc__ or "").splitlines()[0].partition(": ")[2].rstrip(".")
    plot = maker.__module__ == curves.__name__
    return Drawing(name, partial(maker, *arguments), about, plot)


def _drawings_of_images(study: Images) -> list[Drawing]:
    return [
        _drawing("2a-images", pictures.grid, study),
        _drawing("2b-mean", pictures.mean_image, study),
        _drawing("2b-singular-values", curves.singular_values, study.numbers),
        *(
            _drawing(f"2c-components-{rank}", pictures.components, study, rank)
            for rank in component_ranks(study.settings)
        ),
        _drawing("2d-reconstructions", pictures.reconstructions, study),
        _drawing("2d-best-and-worst", pictures.best_and_worst, study),
        _drawing("2e-error-by-iteration", curves.error_by_iteration, study.numbers),
        _drawing("2f-error-by-rank", curves.error_by_rank, study.numbers),
    ]


def _drawings_of_denoising(study: Denoising) -> list[Drawing]:
    held_out = [_drawing("3c-held-out", curves.held_out, study.numbers)]
    return [
        _drawing("3a-noise-levels", pictures.noise_levels, study),
        _drawing("3a-noisy-images", pictures.noisy_grid, study),
        _drawing("3b-components", pictures.noisy_components, study),
        _drawing("3b-reconstructions", pictures.noisy_reconstructions, study),
        _drawing("3b-denoised", pictures.denoised, study),
        _drawing("3c-error-by-rank", curves.denoising, study.numbers),
        *(held_out if study.numbers["cross_validation"] else []),
        _drawing("3c-likeness", curves.likeness, study.numbers),
        _drawing("3c-beside-svd", curves.beside_svd, study.numbers),
    ]


def component_ranks(settings: StudySettings) -> list[int]:
    """The ranks whose components are drawn: lowest, shown, highest."""
    return sorted({settings.ranks[0], settings.shown_rank, settings.ranks[-1]})


@dataclass
class Page:
    """Figures and tables as the template asks for them, numbered in its order."""

    folder: Path
    drawings: dict[str, Drawing]
    figures_so_far: int = 0
    tables_so_far: int = 0

    def figure(self, name: str, caller: Callable[[], Markup]) -> Markup:
        """The figure of that name, inlined; the caller is its caption."""
        from markupsafe import Markup

        self.figures_so_far += 1
        drawing = self.drawings[name]
        kind, ending = ("svg+xml", "svg") if drawing.plot else ("png", "png")
        box = "plot" if drawing.plot else "picture"
        content = base64.b64encode((self.folder / f"{name}.{ending}").read_bytes()).decode()
        return Markup(
            '<figure><div class="{}"><img src="data:image/{};base64,{}" alt="{}"></div>'
            "<figcaption><b>Figure {}.</b> {}</figcaption></figure>"
        ).format(box, kind, content, drawing.about, self.figures_so_far, caller())

    def table(self, table: tables.Table, caller: Callable[[], Markup]) -> Markup:
        """A table in a box that scrolls; the caller is its caption."""
        from markupsafe import Markup

        self.tables_so_far += 1
        return Markup(
            '<figure><figcaption><b>Table {}.</b> {}</figcaption><div class="scroll" '
            'tabindex="0">{}</div></figure>'
        ).format(self.tables_so_far, caller(), Markup(table._repr_html_()))


def subscripts(text: str) -> Markup:
    """A sentence as HTML; what follows an underscore goes down."""
    from markupsafe import Markup, escape

    html = re.sub(r"_(\w+)", r"<sub>\1</sub>", str(escape(text)))
    return Markup(re.sub(r"\b([dnr]) = (?=[-\d])", r"\1&nbsp;=&nbsp;", html))


def render(results: Results, folder: Path) -> str:
    """The page, from figures that are in `folder`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    page = Page(folder, {drawing.name: drawing for drawing in drawings(results)})
    environment = Environment(
        loader=PackageLoader("nmf_accel.study", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, percent=percent, prose=subscripts)
    return environment.get_template(TEMPLATE).render(
        settings=results.settings,
        about=results.about,
        one=results.properties and results.properties.numbers,
        two=results.images and results.images.numbers,
        three=results.denoising and results.denoising.numbers,
        component_ranks=component_ranks(results.settings),
        figure=page.figure,
        table=page.table,
        tables=tables,
        words={
            1: words_of_properties,
            2: words_of_images,
            3: words_of_denoising,
            "end": conclusion,
        },
    )


def write(results: Results, out: Path) -> Iterator[Path]:
    """Write figures, ``study.json`` and ``report.html`` to a folder, yielding what is written."""
    folder = out / "figures"
    for path in (out, folder):
        make_folder(path)
    for drawing in drawings(results):
        figure = drawing.draw()
        for ending in ("png", "svg")[: 1 + drawing.plot]:
            plots.save(figure, folder / f"{drawing.name}.{ending}", dpi=DPI)
        yield folder / f"{drawing.name}.png"
    numbers = json.dumps(results.as_json(), indent=1, allow_nan=False, default=_plain)
    for path, text in (
        (out / "study.json", numbers),
        (out / "report.html", render(results, folder)),
    ):
        with atomic_write(path) as file:
            file.write(text.encode())
        yield path


def _plain(x: Any) -> Any:
    """NumPy's numbers and arrays as Python's."""
    if isinstance(x, (np.generic, np.ndarray)):
        return x.tolist()
    raise TypeError(f"{type(x).__name__} has no place in study.json")
