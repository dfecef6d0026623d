"""What a person sees while a pipeline runs, and where everything else goes."""

import contextlib
import io
import logging
import os
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO

import absl.logging
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn
from rich.text import Text

from schema import contract

_OURS = ("schema", "components", "models", "pipeline", "esmm")


@contextlib.contextmanager
def noise_to(log: Path) -> Iterator[Console]:
    """Sends stdout, stderr and all log records to a file; gives the console that still writes to the screen.

    Warnings of this project and errors of any library also go to the screen.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(log.open("a", encoding="utf-8"))
        console = Console(file=_still_on_screen(stack), highlight=False)
        for descriptor in (1, 2):
            saved = os.dup(descriptor)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, descriptor)
            os.dup2(file.fileno(), descriptor)
        stack.enter_context(contextlib.redirect_stdout(file))
        stack.enter_context(contextlib.redirect_stderr(file))
        everything = logging.StreamHandler(file)
        everything.setFormatter(logging.Formatter("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
        root = logging.getLogger()
        earlier_handlers, earlier_level = root.handlers[:], root.level
        root.handlers, root.level = [everything, _ImportantToScreen(console)], logging.INFO
        # absl keeps a level of its own and would let nothing below WARNING pass.
        earlier_verbosity = absl.logging.get_verbosity()
        absl.logging.set_verbosity(absl.logging.INFO)

        def restore() -> None:
            root.handlers, root.level = earlier_handlers, earlier_level
            absl.logging.set_verbosity(earlier_verbosity)

        stack.callback(restore)
        yield console


def _still_on_screen(stack: contextlib.ExitStack) -> IO[str]:
    """A stream to where stdout goes now, that stays there when descriptor 1 is redirected."""
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except (OSError, io.UnsupportedOperation):
        return sys.stdout  # replaced by an object without a descriptor, as test runners do
    return stack.enter_context(os.fdopen(descriptor, "w", encoding="utf-8", buffering=1))


class _ImportantToScreen(logging.Handler):
    """Shows the first line of our warnings and of everybody's errors."""

    def __init__(self, console: Console):
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name.split(".")[0] in _OURS
        # A component's failure, which Beam logs too, is told by whoever started the run.
        told_later = record.msg == "Execution %d failed." or record.name.startswith("apache_beam")
        if told_later or not (ours or record.levelno >= logging.ERROR):
            return
        first_line = record.getMessage().strip().splitlines()[0]
        self._console.print(Text(f"{record.levelname.lower()}: {first_line}", style="yellow"))


class RunDisplay(logging.Handler):
    """A line per component, live: which is at work, for how long, and a bar for training.

    It listens to what TFX's LocalDagRunner logs of its components and to the progress of training. Where the screen is
    no terminal it prints a line when a component starts, ends, and at every tenth of the training. A tuner's trial that
    ended is a line on either.
    """

    def __init__(self, console: Console):
        super().__init__(logging.INFO)
        self.seconds: dict[str, float] = {}
        self.cached: set[str] = set()
        self.running: str | None = None
        self._console = console
        self._started = 0.0
        self._tenth = 0
        self._rows = Progress(
            SpinnerColumn(finished_text=Text("✓", style="green")),
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=24),
            _Seconds(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._loggers = [logging.getLogger("absl"), logging.getLogger(contract.PROGRESS_LOGGER)]

    def __enter__(self) -> "RunDisplay":
        for logger in self._loggers:
            logger.addHandler(self)
        if self._console.is_terminal:
            self._rows.start()
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self._loggers:
            logger.removeHandler(self)
        if self._console.is_terminal:
            self._rows.stop()

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == "Component %s is running." and isinstance(record.args, tuple):
            self.start(str(record.args[0]))
        elif record.msg == "Component %s is finished.":
            self.finish()
        elif record.msg == "A cached execution %d is used." and self.running:
            self.cached.add(self.running)
        elif hasattr(record, "progress"):
            self._show_progress(record.progress)
        elif hasattr(record, "trial"):
            self._console.print(Text(f"    {record.getMessage()}"), soft_wrap=True)

    def start(self, component: str) -> None:
        """Shows that a component is at work."""
        self.running, self._started, self._tenth = component, time.monotonic(), 0
        if self._console.is_terminal:
            self._rows.add_task(component.ljust(20), total=None, note="")
        else:
            self._console.print(f"  {component} …")

    def finish(self) -> None:
        """Shows that it has ended, if one was at work."""
        if self.running is None:
            return
        component, self.running = self.running, None
        self.seconds[component] = time.monotonic() - self._started
        note = "cached" if component in self.cached else ""
        if self._console.is_terminal:
            task = self._rows.tasks[-1]
            total = task.total or 1
            self._rows.update(task.id, total=total, completed=total, note=note or task.fields["note"])
        else:
            self._console.print(f"✓ {component} {self.seconds[component]:.1f} s {note}".rstrip())

    def _show_progress(self, progress: dict[str, float]) -> None:
        note = (
            f"epoch {progress['epoch']}/{progress['epochs']}  loss {progress['loss']:.4f}  "
            f"{progress['examples_per_second']:,.0f} examples/s"
        )
        if "waiting" in progress:
            note += f"  {100 * progress['waiting']:.0f} % waiting for input"
        note += f"  {timedelta(seconds=round(progress['seconds_left']))} left"
        if self._console.is_terminal:
            task = self._rows.tasks[-1]
            # One more than the steps: the component ends when the model is saved, not with the last step.
            self._rows.update(task.id, total=progress["steps"] + 1, completed=progress["step"], note=note)
            return
        tenth = int(10 * progress["step"] / progress["steps"])
        if tenth > self._tenth:
            self._tenth = tenth
            self._console.print(f"    {10 * tenth:3d} %  {note}", soft_wrap=True)


class _Seconds(TextColumn):
    """Seconds since the component started, standing still when it has ended."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_time if task.finished else task.elapsed or 0:6.1f} s")
