"""A project in a napari window: found by its name, with its files on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_kernels.apps.desktop.display import check_desktop
from imagine_kernels.errors import DataNotFound, ImagineError

if TYPE_CHECKING:
    import napari

    from imagine_kernels.annotation import Project, Projects
    from imagine_kernels.apps.desktop.dock import ProjectDock


def open_project(
    name: str, medium: str | None = None, *, store: Projects | None = None, files: Path | None = None, show: bool = True
) -> napari.Viewer:
    """Show a project in napari, to be annotated; ``napari.run()`` then waits until the window is closed.

    Parameters
    ----------
    name : str
        Of the project, or its uid.
    medium : str, optional
        Name of the medium; the first that nobody has looked at without it.
    store : Projects, optional
        The person's own, or what ``IMAGINE_ANNOTATIONS`` says, without it.
    files : Path, optional
        A folder in which the files of the project are looked for first.
    show : bool
        Show the window at once.

    Returns
    -------
    napari.Viewer

    Raises
    ------
    NoDesktop
        napari, Qt, a display or OpenGL is missing.
    UnknownName
        There is no such project or medium.
    NotAllowed
        The person has no role in the project.
    DataError
        The file of the medium is not here, or damaged.
    """
    from imagine_kernels.annotation import Person, Projects

    store = store or Projects()
    project = store.open(name, by=Person.here())
    if medium is not None:
        project.medium(medium)
    check_desktop()

    import napari

    viewer = napari.Viewer(title=project.name, show=show)
    try:
        dock = dock_of(viewer, store, project)
        viewer.window.add_dock_widget(dock.widget, name="Annotation project", area="right")
        if files is not None:
            dock.look_in(files)
        wanted = medium or dock.desk.first()
        if wanted is None:
            raise DataNotFound(f"The project {project.name} has no media: add some in the annotate app.")
        open_first(dock, wanted, asked=medium is not None)
        dock.fit_soon()
    except ImagineError:
        viewer.close()
        raise
    return viewer


def dock_of(viewer: Any, store: Projects, project: Project) -> ProjectDock:
    """The dock of a project in a window; it lives as long as its widget."""
    from imagine_kernels.apps.annotate.places import Places
    from imagine_kernels.apps.desktop.dock import ProjectDock
    from imagine_kernels.apps.desktop.project import ProjectDesk
    from imagine_kernels.widgets.browse import FolderBrowser

    # A person's own machine: every folder that the account may read.
    everywhere = FolderBrowser([("This computer", Path(Path.home().anchor))])
    dock = ProjectDock(ProjectDesk(viewer, store, project, Places(project.uid, everywhere)))
    # Qt keeps the widget; that keeps the rest.
    dock.widget.setProperty("dock", dock)
    return dock


def open_first(dock: ProjectDock, name: str, *, asked: bool) -> None:
    """Open the first medium; where its file is missing the window says how to find it, unless that very one was asked for."""
    try:
        dock.desk.open(name)
    except DataNotFound as error:
        if asked:
            raise
        dock.desk.say(str(error))
