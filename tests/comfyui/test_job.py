"""The state machine of one job: every transition, and what holds whatever happens."""

import itertools

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mkdocs_comfy.comfyui.job import Job
from mkdocs_comfy.comfyui.jobs import (
    Limits,
    Progress,
    Queued,
    RenderJob,
    Retried,
    Running,
    Submitted,
    Waiting,
)
from mkdocs_comfy.comfyui.moves import (
    ON_SERVER,
    OVER,
    Absent,
    Arrived,
    Download,
    End,
    InQueue,
    Named,
    News,
    NotQueued,
    Phase,
    Post,
    ReadHistory,
    ReadJob,
    ReadQueue,
    Sending,
    Slept,
    SocketClosed,
    Stop,
    Taken,
    Trouble,
    Unanswered,
    Wait,
    Withdraw,
    Withdrawn,
)
from mkdocs_comfy.comfyui.protocol import Ended, Heard, ImageRef, Place, Started, Stepped, Subject
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.errors import (
    AuthError,
    InterruptedRenderError,
    LostError,
    NodeFailedError,
    OutOfMemoryError,
    OutOfTimeError,
    QuotaError,
    RejectedError,
    RenderTimeoutError,
    TooLargeError,
    UnreachableError,
)

IMAGE = ImageRef(filename="x.png", subfolder="mkdocs-comfy", type="output")
RUNS, WAITS = Place(running=True, ahead=0), Place(running=False, ahead=3)
AWAY = Trouble(error=UnreachableError("went away", arrived=False))
GONE = Trouble(error=LostError("not there any more", remedy="render"))
BROKEN = Trouble(error=LostError("broke off", remedy="fetch"))
BUSY = Trouble(error=QuotaError("queue full", retry_after=7))
NO_ANSWER = Unanswered(error=UnreachableError("no answer"), again=True)
REFUSED_MAYBE = Unanswered(error=RejectedError("500"), again=False)
TIME_IS_UP = OutOfTimeError("max_time")
PACE = Pace()


def a_job(**options):
    server = ServerConfig(url="http://gpu.lan:8188")
    numbers = itertools.count()
    jobs_api = options.pop("jobs_api", False)
    return Job(
        RenderJob(key="k1-0", graph={}, output="9", template="sdxl", page="a.md"),
        subject=Subject(server=server, template="sdxl", graph={}),
        limits=Limits(**{"timeout": 100, "retries": 2, "patience": 60, **options}),
        pace=PACE,
        new_id=lambda: f"id-{next(numbers)}",
        jobs_api=jobs_api,
    )


class Player:
    """Plays events to a job, one second after the other unless told otherwise."""

    def __init__(self, **options):
        self.job = a_job(**options)
        self.now = 0.0
        self.news = []

    @property
    def action(self):
        return self.job.next(self.now)

    def tell(self, *events):
        for event in events:
            if event is AFTER_A_WAIT:
                assert isinstance(self.action, Wait)
                self.now += self.action.seconds
            else:
                self.news += self.job.take(event, self.now)
        return self

    def until(self, kind):
        """Wait as often as is asked for, until the next action is of that kind."""
        for _ in range(1000):
            if not isinstance(self.action, Wait):
                break
            self.now += self.action.seconds
        assert isinstance(self.action, kind), self.action
        return self.action


AFTER_A_WAIT = object()
SUBMITTED = (Sending(), Taken(prompt_id="id-0"))
IT_IS = Named(image=IMAGE)
RENDERED = (*SUBMITTED, NotQueued(), IT_IS)


@pytest.mark.parametrize(
    ("before", "event", "phase", "action"),
    [
        ([], None, "created", Post),
        ([Sending()], None, "submitted", Wait),
        ([Sending()], Taken(prompt_id="theirs"), "submitted", Wait),
        ([Sending()], NO_ANSWER, "submitted", ReadQueue),
        ([Sending()], AWAY, "created", Wait),
        ([Sending()], BUSY, "created", Wait),
        ([Sending()], Trouble(error=RejectedError("no")), "failed", End),
        ([Sending()], Trouble(error=QuotaError("402")), "failed", End),
        ([Sending()], News(frame=Started(prompt_id="id-0")), "running", Wait),
        ([Sending()], Stop(error=TIME_IS_UP), "submitted", Withdraw),
        ([], Stop(error=TIME_IS_UP), "failed", End),
        ([Sending(), NO_ANSWER], NotQueued(), "submitted", ReadHistory),
        ([Sending(), NO_ANSWER], InQueue(place=WAITS), "queued", Wait),
        ([Sending(), NO_ANSWER, NotQueued()], IT_IS, "rendered", Download),
        ([Sending(), NO_ANSWER, NotQueued()], Absent(), "submitted", Wait),
        ([Sending(), NO_ANSWER, NotQueued(), Absent(), NotQueued()], Absent(), "created", Post),
        ([Sending(), REFUSED_MAYBE, NotQueued(), Absent(), NotQueued()], Absent(), "failed", End),
        ([Sending(), REFUSED_MAYBE], InQueue(place=RUNS), "running", Wait),
        (SUBMITTED, InQueue(place=WAITS), "queued", Wait),
        (SUBMITTED, InQueue(place=RUNS), "running", Wait),
        (SUBMITTED, NotQueued(), "submitted", ReadHistory),
        (SUBMITTED, News(frame=Ended(prompt_id="id-0", recorded=True)), "running", ReadHistory),
        (SUBMITTED, News(frame=Ended(prompt_id="id-0", recorded=False)), "running", Wait),
        (SUBMITTED, News(frame=Ended(prompt_id="other", recorded=True)), "submitted", Wait),
        (SUBMITTED, News(frame=Heard()), "submitted", Wait),
        (SUBMITTED, SocketClosed(), "submitted", ReadQueue),
        (SUBMITTED, AWAY, "submitted", Wait),
        (SUBMITTED, Trouble(error=AuthError("401")), "failed", End),
        ([*SUBMITTED, InQueue(place=WAITS)], InQueue(place=RUNS), "running", Wait),
        ([*SUBMITTED, InQueue(place=WAITS)], NotQueued(), "queued", ReadHistory),
        ([*SUBMITTED, InQueue(place=RUNS), NotQueued()], IT_IS, "rendered", Download),
        ([*SUBMITTED, InQueue(place=RUNS), NotQueued()], Absent(), "running", Wait),
        ([*SUBMITTED, NotQueued()], Trouble(error=NodeFailedError("bad")), "failed", End),
        ([*SUBMITTED, NotQueued()], Trouble(error=OutOfMemoryError("oom")), "failed", End),
        (
            [*SUBMITTED, NotQueued()],
            Trouble(error=InterruptedRenderError("by someone")),
            "interrupted",
            End,
        ),
        ([*SUBMITTED, NotQueued()], GONE, "created", Post),
        ([*SUBMITTED, NotQueued()], Trouble(error=LostError("previews only")), "lost", End),
        ([*RENDERED], Arrived(data=b"x"), "finished", End),
        ([*RENDERED], GONE, "created", Post),
        ([*RENDERED], BROKEN, "rendered", Wait),
        ([*RENDERED], AWAY, "rendered", Wait),
        ([*RENDERED], Stop(error=TIME_IS_UP), "rendered", Download),
        (
            [*RENDERED],
            Trouble(error=TooLargeError("too large")),
            "failed",
            End,
        ),
        ([*SUBMITTED, Stop(error=TIME_IS_UP)], Withdrawn(), "submitted", ReadHistory),
        ([*SUBMITTED, Stop(error=TIME_IS_UP), Withdrawn()], Absent(), "failed", End),
        ([*SUBMITTED, Stop(error=TIME_IS_UP), Withdrawn()], IT_IS, "rendered", Download),
        (
            [*SUBMITTED, Stop(error=TIME_IS_UP), Withdrawn()],
            Trouble(error=InterruptedRenderError("by us")),
            "failed",
            End,
        ),
    ],
)  # fmt: skip
def test_transitions(before, event, phase, action):
    player = Player().tell(*before)
    if event is not None:
        player.tell(event)

    assert (player.job.phase, type(player.action)) == (phase, action)
    assert player.action == player.action, "asking changes nothing"


@pytest.mark.parametrize(
    ("before", "event", "action"),
    [
        ([], InQueue(place=Place(running=False, ahead=None)), ReadQueue),
        ([InQueue(place=Place(running=False, ahead=None))], NotQueued(), Wait),
        ([InQueue(place=Place(running=False, ahead=None))], InQueue(place=WAITS), Wait),
        ([], InQueue(place=RUNS), Wait),
        ([], Absent(), Wait),
        ([], IT_IS, Download),
        ([], News(frame=Ended(prompt_id="id-0", recorded=True)), ReadJob),
        ([Stop(error=TIME_IS_UP)], Withdrawn(), ReadJob),
        ([Stop(error=TIME_IS_UP), Withdrawn()], InQueue(place=RUNS), End),
    ],
)
def test_transitions_on_a_server_that_tells_of_jobs(before, event, action):
    """One question in the place of two; only the place in the queue has to be asked for."""
    player = Player(jobs_api=True).tell(*SUBMITTED, *before, event)

    assert isinstance(player.action, action)


def test_what_is_told_about_an_ordinary_job():
    player = Player().tell(
        *SUBMITTED,
        InQueue(place=WAITS),
        InQueue(place=WAITS),
        News(frame=Started(prompt_id="id-0")),
        News(frame=Stepped(prompt_id="id-0", step=1, steps=4)),
        News(frame=Stepped(prompt_id="id-0", step=1, steps=4)),
        News(frame=Ended(prompt_id="id-0", recorded=True)),
        Named(image=IMAGE),
        Arrived(data=b"image"),
    )

    assert list(map(type, player.news)) == [Submitted, Queued, Running, Progress]
    assert player.action == End(data=b"image")


def test_a_job_ends_once():
    player = Player().tell(*RENDERED, Arrived(data=b"image"))

    player.tell(GONE, Stop(error=TIME_IS_UP), AWAY, Arrived(data=b"other"))

    assert player.action == End(data=b"image")


def test_lost_means_absent_without_interruption():
    """Ten seconds; a job that is seen in between, or a server that is away, starts them anew."""
    player = Player().tell(*SUBMITTED)
    for event in (InQueue(place=RUNS), AWAY):
        began = player.now
        while player.now < began + PACE.lost * 0.5:
            player.until(ReadQueue)
            player.tell(NotQueued(), Absent())
        player.until(ReadQueue)
        player.tell(event)
    began = player.now

    while player.job.phase is Phase.RUNNING:
        player.until(ReadQueue)
        player.tell(NotQueued())
        assert isinstance(player.action, ReadHistory), "the queue first"
        player.tell(Absent())

    assert PACE.lost <= player.now - began < PACE.lost + 2 * PACE.poll_last
    assert player.action == Post(prompt_id="id-1")
    assert isinstance(player.news[-1], Retried)


@pytest.mark.parametrize(("away", "patience"), [(1, 60), (10, 60), (59, 60), (60, 120)])
@pytest.mark.parametrize("jobs_api", [False, True])
def test_a_restart_with_an_empty_queue(away, patience, jobs_api):
    """With the waiting times that users have, on a clock of its own."""
    player = Player(patience=patience, jobs_api=jobs_api).tell(*SUBMITTED)
    down, up = 5.0, 5.0 + away
    known = {"id-0"}
    while not isinstance(action := player.action, End):
        if player.now >= down:
            known.discard("id-0")
        if isinstance(action, Wait):
            player.now += action.seconds
        elif isinstance(action, Post):
            known.add(action.prompt_id)
            player.tell(Sending(), Taken(prompt_id=action.prompt_id))
        elif down <= player.now < up:
            player.tell(AWAY)
        elif isinstance(action, Download):
            player.tell(Arrived(data=b"image"))
        elif action.prompt_id != "id-0" and isinstance(action, ReadHistory | ReadJob):
            player.tell(IT_IS)
        elif action.prompt_id in known and action.prompt_id == "id-0":
            player.tell(InQueue(place=RUNS))
        else:
            player.tell(NotQueued() if isinstance(action, ReadQueue) else Absent())

    assert player.action == End(data=b"image")
    assert player.job.submissions == 2
    assert up + PACE.lost <= player.now <= up + PACE.lost + 3 * PACE.poll_live


def test_a_submission_that_did_not_arrive_keeps_its_id():
    player = Player().tell(Sending(), NO_ANSWER, NotQueued(), Absent())
    player.until(ReadQueue)
    player.tell(NotQueued(), Absent())

    assert player.action == Post(prompt_id="id-0")


@pytest.mark.parametrize("retries", [0, 1, 4])
@pytest.mark.parametrize("how", ["no answer", "gone", "no file"])
def test_submissions_are_bounded(retries, how):
    player = Player(retries=retries)
    for _ in range(10):
        if isinstance(player.action, End):
            break
        player.until(Post)
        if how == "no answer":
            player.tell(Sending(), NO_ANSWER, NotQueued(), Absent(), NotQueued(), Absent())
        elif how == "gone":
            player.tell(*RENDERED, GONE)
        else:
            player.tell(*SUBMITTED, NotQueued(), GONE)

    assert player.job.submissions == 1 + retries


def test_what_surely_did_not_arrive_is_no_submission():
    player = Player(retries=0)
    for _ in range(5):
        player.until(Post)
        player.tell(Sending(), AWAY)
    player.until(Post)
    player.tell(*SUBMITTED)

    assert player.job.submissions == 1
    assert player.job.phase is Phase.SUBMITTED


@pytest.mark.parametrize("before", [(), SUBMITTED, RENDERED])
def test_patience_ends(before):
    player = Player(patience=60).tell(*before)
    began = player.now
    while not isinstance(player.action, End):
        if isinstance(player.action, Wait):
            player.now += player.action.seconds
        else:
            player.tell(*([Sending()] if isinstance(player.action, Post) else []), AWAY)

    assert player.action == End(error=AWAY.error)
    assert 60 <= player.now - began <= 61
    assert [type(news) for news in player.news].count(Waiting) == 1


def test_an_answer_renews_patience():
    player = Player(patience=60).tell(*SUBMITTED)
    for _ in range(3):
        began = player.now
        while player.now < began + 55:
            player.until(ReadQueue)
            player.tell(AWAY)
        player.until(ReadQueue)
        player.tell(InQueue(place=WAITS))

    assert player.job.phase is Phase.QUEUED


def test_no_patience_no_waiting():
    assert Player(patience=0).tell(*SUBMITTED, AWAY).action == End(error=AWAY.error)


def test_a_server_that_asks_to_wait_is_given_its_time():
    player = Player(patience=10).tell(Sending(), BUSY)

    assert player.action == Wait(seconds=7)
    player.until(Post)
    assert player.tell(Sending(), BUSY).action == End(error=BUSY.error), "more than patience has"


def test_a_download_is_tried_again_as_often_as_a_job():
    player = Player(retries=2).tell(*RENDERED)
    for _ in range(2):
        player.tell(BROKEN)
        player.until(Download)

    assert player.tell(BROKEN).action == End(error=BROKEN.error)
    assert player.job.submissions == 1


def test_a_job_that_runs_too_long_is_withdrawn_after_a_last_look():
    player = Player(timeout=100).tell(*SUBMITTED, InQueue(place=RUNS))
    while not isinstance(player.action, Withdraw):
        player.until((ReadQueue, Withdraw))
        player.tell(InQueue(place=RUNS))

    assert 100 <= player.now < 101
    player.tell(Withdrawn())
    assert isinstance(player.action, ReadHistory)
    player.tell(Absent())
    assert type(player.action.error) is RenderTimeoutError


def test_waiting_in_the_queue_takes_as_long_as_it_likes():
    player = Player(timeout=1).tell(*SUBMITTED)
    for _ in range(100):
        player.until(ReadQueue)
        player.tell(InQueue(place=WAITS))

    assert player.now > 100
    assert player.job.phase is Phase.QUEUED


def test_a_machine_that_slept_fails_no_job():
    """The clock went on, the job did not run longer for it."""
    player = Player(timeout=100, patience=60).tell(*SUBMITTED, InQueue(place=RUNS), AWAY)
    player.now += 3600
    player.tell(Slept(seconds=3600), AWAY)
    player.until(ReadQueue)

    player.tell(InQueue(place=RUNS))

    assert player.job.phase is Phase.RUNNING
    assert isinstance(player.action, Wait)


def test_a_download_that_slept_is_tried_again():
    late = Trouble(error=RenderTimeoutError("late"))
    player = Player().tell(*RENDERED, Slept(seconds=100), late)

    assert isinstance(player.action, Download)
    assert player.tell(late).action == End(error=late.error)


def test_a_silent_socket_means_looking_often_and_a_talking_one_seldom():
    def looks(*frames):
        player = Player().tell(*SUBMITTED, InQueue(place=RUNS), *frames)
        count = 0
        while player.now < 60:
            player.until(ReadQueue)
            player.tell(InQueue(place=RUNS))
            count += 1
        return count

    talking = looks(News(frame=Started(prompt_id="id-0")))
    assert talking <= 60 / PACE.poll_live + 1
    assert looks() > 2 * talking
    assert looks(News(frame=Started(prompt_id="id-0")), SocketClosed()) > 2 * talking


def test_an_end_that_the_history_does_not_confirm_is_forgotten():
    """The frame may be of a server that has died since: look at the queue again."""
    player = Player().tell(*SUBMITTED, News(frame=Ended(prompt_id="id-0", recorded=True)))
    seen = set()
    for _ in range(20):
        player.until((ReadHistory, ReadQueue))
        seen.add(type(player.action))
        player.tell(NotQueued() if isinstance(player.action, ReadQueue) else Absent())

    assert seen == {ReadHistory, ReadQueue}


class Adversary(RuleBasedStateMachine):
    """A server, a network and a socket that do whatever they like, in any order.

    The truth is kept beside: which submissions the server has, and which images it holds.
    """

    LIMITS = Limits(timeout=100, retries=2, patience=60)

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.jobs_api = False
        self.job = a_job(timeout=100, retries=2, patience=60)
        self.known = {}  # prompt id → "waits", "runs", "done", "no file", "raised"
        self.posted = 0
        self.named = False  # the server has named an image that nobody said is gone
        self.ends = []
        self.up = True

    @property
    def action(self):
        return self.job.next(self.now)

    def tell(self, event):
        before = self.job.phase
        self.job.take(event, self.now)
        if before not in OVER and self.job.phase in OVER:
            self.ends.append(self.action)

    # What the world does without being asked

    @rule()
    def restart(self):
        self.known = {}
        self.up = True

    @rule()
    def die(self):
        self.known = {}
        self.up = False

    @rule()
    def clear_the_queue(self):
        self.known = {key: state for key, state in self.known.items() if state != "waits"}

    @rule(state=st.sampled_from(["runs", "done", "no file", "raised"]))
    def work(self, state):
        for key, old in self.known.items():
            if old in ("waits", "runs"):
                self.known[key] = state

    @rule(
        frame=st.sampled_from([Started, Stepped, Ended, Heard]),
        whose=st.sampled_from(["ours", "other"]),
        recorded=st.booleans(),
    )
    def frame(self, frame, whose, recorded):
        prompt_id = self.job.prompt_id if whose == "ours" else "other"
        if whose == "ours" and prompt_id not in self.known:
            return  # a server speaks of jobs that it has
        more = {Stepped: {"step": 1, "steps": 2}, Ended: {"recorded": recorded}}.get(frame, {})
        self.tell(News(frame=frame() if frame is Heard else frame(prompt_id=prompt_id, **more)))

    @rule()
    def socket_closes(self):
        self.tell(SocketClosed())

    @rule(seconds=st.floats(0.01, 30))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(seconds=st.floats(10, 10_000))
    def sleep(self, seconds):
        self.now += seconds
        self.tell(Slept(seconds=seconds))

    # What comes of what the job asks for

    @precondition(lambda self: isinstance(self.action, Wait))
    @rule()
    def wait(self):
        self.now += self.action.seconds

    @precondition(lambda self: isinstance(self.action, Post))
    @rule(fate=st.sampled_from(["taken", "lost answer", "never arrives", "busy", "500"]))
    def post(self, fate):
        prompt_id = self.action.prompt_id
        self.tell(Sending())
        if not self.up or fate == "busy":
            self.tell(BUSY if self.up else AWAY)
            return
        self.posted += fate != "never arrives"
        if fate in ("taken", "lost answer"):
            self.known[prompt_id] = "waits"
        replies = {"taken": Taken(prompt_id=prompt_id), "500": REFUSED_MAYBE}
        self.tell(replies.get(fate, NO_ANSWER))

    @precondition(lambda self: isinstance(self.action, ReadQueue | ReadHistory | ReadJob))
    @rule(breaks=st.booleans())
    def read(self, breaks):
        action = self.action
        state = self.known.get(action.prompt_id)
        if breaks or not self.up:
            self.tell(AWAY)
        elif isinstance(action, ReadQueue):
            there = state in ("waits", "runs")
            self.tell(InQueue(place=RUNS if state == "runs" else WAITS) if there else NotQueued())
        elif state == "done":
            self.named = True
            self.tell(Named(image=IMAGE))
        elif state == "no file":
            self.tell(GONE)
        elif state == "raised":
            self.tell(Trouble(error=NodeFailedError("raised")))
        else:
            self.tell(Absent())

    @precondition(lambda self: isinstance(self.action, Download))
    @rule(fate=st.sampled_from(["arrives", "arrives", "gone", "breaks off"]))
    def download(self, fate):
        if not self.up:
            self.tell(AWAY)
        elif fate == "gone":
            self.named = False
            self.tell(GONE)
        else:
            self.tell(Arrived(data=b"image") if fate == "arrives" else BROKEN)

    @precondition(lambda self: isinstance(self.action, Withdraw))
    @rule()
    def withdraw(self):
        self.known = {key: state for key, state in self.known.items() if state != "waits"}
        self.tell(Withdrawn())

    @precondition(lambda self: self.now > 500)
    @rule()
    def stop(self):
        self.tell(Stop(error=TIME_IS_UP))

    # What holds

    @invariant()
    def it_ends_once(self):
        assert len(self.ends) == (self.job.phase in OVER)
        if self.ends:
            assert self.action is self.ends[0]
            assert (self.action.data is None) != (self.action.error is None)

    @invariant()
    def submissions_are_bounded(self):
        assert self.posted <= self.job.submissions + (self.job.phase is Phase.CREATED)
        assert self.posted <= 1 + self.LIMITS.retries
        assert self.job.submissions <= 1 + self.LIMITS.retries

    @invariant()
    def a_finished_image_is_not_thrown_away(self):
        """Once named it is fetched, as long as its server can be reached and has it."""
        if not self.named:
            return
        assert self.job.phase in OVER | {Phase.RENDERED}
        if self.ends and self.ends[0].data is None:
            assert self.ends[0].error in (AWAY.error, BROKEN.error, TIME_IS_UP)

    @invariant()
    def there_is_always_something_to_do(self):
        assert (self.job.phase in OVER) == isinstance(self.action, End)
        if isinstance(self.action, Wait):
            longest = max(PACE.poll_live, BUSY.error.retry_after)
            assert 0 < self.action.seconds <= longest + 1e-9  # sums of floats are rounded
        if isinstance(self.action, Withdraw):
            assert self.job.phase in ON_SERVER


class NewerAdversary(Adversary):
    """The same on a server that tells of a job in one answer."""

    def __init__(self):
        super().__init__()
        self.job = a_job(timeout=100, retries=2, patience=60, jobs_api=True)

    @precondition(lambda self: isinstance(self.action, ReadJob))
    @rule()
    def read_job(self):
        state = self.known.get(self.action.prompt_id)
        if self.up and state in ("waits", "runs"):
            ahead = 0 if state == "runs" else None
            self.tell(InQueue(place=Place(running=state == "runs", ahead=ahead)))


TestAdversary = Adversary.TestCase
TestAdversary.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestNewerAdversary = NewerAdversary.TestCase
TestNewerAdversary.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
