"""Finding shots by key frames and bytes, and by decoding those groups of pictures that leave doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise

from panda_hf.splitting.collect import Scan
from panda_hf.splitting.cut_judge import DIFFERS, CutJudge
from panda_hf.splitting.doubt import ByteRules, GroupDoubt
from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.need import Need
from panda_hf.splitting.open_group import OpenGroup
from panda_hf.splitting.outlet import Outlet
from panda_hf.splitting.scores import ADAPTIVE_REACH, is_full_range
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.shots import AS_BEFORE, BlackWatch, flash_frames, is_black, small_step
from panda_hf.splitting.spikes import SpikeTrial
from panda_hf.splitting.trial import TRIAL_GROUPS, Trial
from panda_hf.video import Frame, VideoLike
from panda_hf.video.groups import MOST_BETWEEN, Group, GroupReader, IndexMismatch
from panda_hf.video.packets import PacketIndex

BEFORE_VAGUE = 16
"""Where a cut is vague, B-frames are decoded too from so many frames before it on, so that beside it none lacks what
it refers to; pictures may have drifted, but go on from there alike."""

ONWARD_SECONDS = 1.2
"""Where a key frame turned out to be no cut, a gradual transition may go on so long after it."""

SEEN_EVERY, SEEN_SECONDS = 4, 1.6
"""Whether the picture of the next key frame is seen already is asked of every so many frames that are looked at; so
long after it a gradual transition to it is over, and known."""


def scan_groups(
    video: VideoLike,
    index: PacketIndex,
    settings: SplitSettings,
    *,
    describe_probes: bool,
    threads: int | None,
    watch: Callable[[float], None] | None = None,
) -> Scan:
    """See :func:`panda_hf.splitting.scan.scan_video`.

    Raises:
        IndexMismatch: the packets give other frames than their index promised.
    """
    with GroupReader(video, index, threads=threads) as reader:
        groups = reader.groups()
        first = next(groups)
        scan = _GroupScan(reader, first, index, settings, describe_probes)
        if scan.seems_in_vain(video):
            scan.take_rest(0, chain([first], groups), watch)
            return scan.finish()
        ahead: Iterator[Group | None] = chain(groups, [None])
        for number, (group, following) in enumerate(pairwise(chain([first], ahead))):
            assert group is not None
            if watch is not None:
                watch(float(index.times[group.first]))
            if following is not None and scan.spares_little(number):
                scan.take_rest(number, chain([group, following], groups), watch)
                break
            scan.take(number, group, following)
        return scan.finish()


class _GroupScan:
    """The state of a scan between two groups."""

    def __init__(
        self, reader: GroupReader, first: Group, index: PacketIndex, settings: SplitSettings, describe_probes: bool
    ) -> None:
        info = reader.info(first)
        fps = info.fps or len(index.times) / index.end
        self._reader, self._index, self._settings = reader, index, settings
        self._step = small_step(info.width, info.height)
        self._full_range = is_full_range(info.pixel_format)
        self._rules = ByteRules.of(index, fps)
        self._need = Need(self._rules, fps, self._is_black)
        self._doubts = [self._rules.doubt(number) for number in range(len(index.keys))]  # not in turns with decoding
        self._trial = Trial(index.groups, self._doubts, self._need)
        self._spikes = SpikeTrial(reader, index, self._need, self._look)
        self._anchors_do = self._rules.seeks_cuts and settings.gradual != "learned"
        self._flash = flash_frames(fps)
        self._after_seen = round(SEEN_SECONDS * fps)
        self._onward = 0 if settings.gradual == "ignore" else round(ONWARD_SECONDS * fps)
        ends = zip(index.groups, self._doubts, strict=True)
        due = {last for (_, last), doubt in ends if not (doubt.irregular or doubt.even)}
        self._judge = CutJudge(
            settings, self._flash, self._full_range, self._rules.seeks_cuts, index.intra, due, self._spikes.leapt
        )
        self._goes_on = 0  # so many frames of the next group are looked at for what began in the last one
        self._outlet = Outlet(info, fps, index, settings, describe_probes=describe_probes)
        self._open = self._begun(0, first)
        self._key, self._key_is_cut = self._open.key, False
        self._previous: OpenGroup | None = None  # the last group, if not all of its frames were decoded

    def take(self, number: int, group: Group, following: Group | None) -> None:
        """Decide about one group and hand its frames on; ``following``: the next one."""
        after = None if following is None else self._begun(number + 1, following)
        self._decide(number, group, after)
        if after is not None:
            self._open = after

    def _decide(self, number: int, group: Group, following: OpenGroup | None) -> None:
        next_key = None if following is None else following.key
        doubt = self._doubts[number]
        if self._anchors_do:
            doubt = self._spikes.settle(doubt, self._open, following, self._goes_on)
        length = group.last - group.first
        count = self._need.frames(doubt, length, self._key, next_key)
        count = min(length - 1, max(count, self._goes_on))
        drops = self._anchors_do and self._goes_on < doubt.drop < count
        if drops and self._take_from_black(group, count, doubt, next_key, following):
            return
        ends_early = self._need.may_end_early(doubt, length, self._key, next_key)
        run, is_whole = self._run(group, count, doubt, next_key if ends_early else None)
        if not is_whole and self._need.is_unexplained(doubt, self._key, run[-1], next_key):
            run, is_whole = self._run(group, length - 1, doubt)
        is_doubted = self._need.may_be_movement(doubt, self._key if is_whole else run[-1], following)
        if not is_whole and (is_doubted or self._need.may_be_jump(doubt, run[-1], next_key)):
            run, is_whole = self._run(group, length - 1, doubt)
        run = self._with_all_around_cuts(group, run, next_key if is_whole else None)
        self._goes_on = 0
        if is_whole:
            after = following if self._rules.seeks_cuts else None
            changed = self._take_whole(group, run, next_key, after, looks_back=not doubt.irregular)
            self._goes_on = self._onward if (is_doubted or changed) and not self._key_is_cut else 0
            return
        self._leave(run, doubt, next_key, looks_back=ends_early)

    def _leave(
        self, run: Sequence[Look], doubt: GroupDoubt, next_key: Look | None, *, looks_back: bool = False
    ) -> None:
        """Hand on what was seen of a group whose last frames are left out; see :meth:`_take_whole`."""
        cuts = self._without_flash(run, self._judge.cuts(run))
        if looks_back and not cuts:
            self._look_back()
        self._hand_on(run, cuts)
        next_is_cut = next_key is not None and doubt.irregular and apart(run[-1], next_key) >= DIFFERS
        if next_is_cut or next_key is None:
            self._look_for_movement(run[-1].frame)
        self._previous = self._open
        if next_key is not None:
            self._key, self._key_is_cut = next_key, next_is_cut

    def _take_from_black(
        self, group: Group, count: int, doubt: GroupDoubt, next_key: Look | None, following: OpenGroup | None
    ) -> bool:
        """Take a group that turns black where its bytes drop: as much as leaves doubt before that, and after it.

        Returns:
            whether it turns black there.
        """
        at, before = group.first + doubt.drop, max(doubt.before, self._goes_on)
        try:
            black = self._black_from(group, at)
            if black is None:
                return False
            run, is_whole = self._as_far_as(black, group, count, self._outlet.black())
            is_unclear = self._need.is_unexplained(doubt, self._key, run[-1], next_key)
            if not is_whole and (is_unclear or self._need.may_be_movement(doubt, run[-1], following)):
                run, is_whole = list(black), True
        except IndexMismatch:
            return False
        if self._judge.vague(run):
            return False
        earlier = self._run(group, before, doubt)[0]
        earlier = self._with_all_around_cuts(group, [look for look in earlier if look.frame < at])
        self._hand_on(earlier, self._without_flash(earlier, self._judge.cuts(earlier)))
        self._look_for_movement(earlier[-1].frame, at)
        self._previous, self._open, self._goes_on, self._key_is_cut = None, black, 0, True
        if not is_whole:
            self._leave(run, doubt, next_key)
            return True
        cuts = self._judge.cuts([*run, *self._beyond(run, next_key, following)])
        self._hand_on(run, cuts)
        if next_key is not None:
            self._key, self._key_is_cut = next_key, len(run) in cuts
        return True

    def _black_from(self, group: Group, at: int) -> OpenGroup | None:
        """What is looked at of a group from the ``at``-th frame of the video on, if that is black and the key frame,
        for which a decoder may have taken it, is not."""
        if self._settings.black_luma is None or self._is_black(self._key):
            return None
        looks = map(self._look, self._reader.resume(group, at))
        first = next(looks, None)
        if first is None or not self._is_black(first):
            return None
        return OpenGroup(group, Look(at, first.yuv), looks)  # B-frames before it say that they are as it is

    def seems_in_vain(self, video: VideoLike) -> bool:
        """Whether the first groups, by their key frames alone, would nearly all be decoded."""
        if self._rules.seeks_cuts:
            return False
        with GroupReader(video, self._index) as reader:
            frames = map(reader.key_frame, islice(reader.groups(), TRIAL_GROUPS + 1))
            keys = [self._look(frame) for frame in frames]
        return self._trial.is_in_vain(keys)

    def spares_little(self, number: int) -> bool:
        """Whether it would be as well to decode all of the groups from the ``number``-th on."""
        return not self._rules.seeks_cuts and self._trial.spares_little(number, self._reader.decoded)

    def take_rest(self, number: int, groups: Iterator[Group], watch: Callable[[float], None] | None) -> None:
        """Take all groups from the ``number``-th on, skipping none, and no key frame decoded ahead of its group."""
        group = next(groups)
        frames, _ = self._rest_of(number, group)
        for after, following in enumerate(chain(groups, [None]), number + 1):
            run = [self._key, *map(self._look, frames)]
            frames, next_key = self._rest_of(after, following)
            whole = self._with_all_around_cuts(group, run, next_key)
            if whole is not run:  # with the decoder that was to go on
                frames, next_key = self._rest_of(after, following)
            self._take_whole(group, whole, next_key)
            if watch is not None:
                watch(float(self._index.times[group.first]))
            if following is not None:
                group = following

    def _rest_of(self, number: int, group: Group | None) -> tuple[Iterator[Frame], Look | None]:
        """What comes after a group's key frame, and this itself, if there is a group."""
        if group is None:
            return iter(()), None
        needs_all = self._needs_all(group, self._doubts[number])
        frames = self._reader.frames(group) if needs_all else self._reader.references(group)
        return frames, self._look(next(frames))

    def _needs_all(self, group: Group, doubt: GroupDoubt) -> bool:
        """Whether all frames of a group are looked at, not only those that others refer to. So they are where key
        frames lie at fixed distances, if the bytes tell of something, or if the last frames come after the next key
        frame, so that they would be missed."""
        return not self._rules.seeks_cuts and bool(doubt.inside or group.leading)

    def _begun(self, number: int, group: Group) -> OpenGroup:
        """The ``number``-th group with its key frame: of the others, its anchors where the encoder marks cuts, but for
        a network, as where key frames lie at fixed distances, the frames that others refer to."""
        key, rest = self._reader.begin(group, anchors=self._anchors_do)
        look, is_lively = Look(key.index, key.yuv(self._step), is_due=True), self._doubts[number].lively
        return OpenGroup(group, look, map(self._look, rest), lively=is_lively)

    def _take_whole(
        self,
        group: Group,
        run: Sequence[Look],
        next_key: Look | None,
        following: OpenGroup | None = None,
        *,
        looks_back: bool = False,
    ) -> bool:
        """Hand on all frames of a group, with the cuts among them and on the next key frame.

        Args:
            group: the group.
            run: what was looked at of it.
            next_key: the next key frame; ``None``: the file ends.
            following: the next group, whose first frames are looked at too where they may help to judge its key frame.
            looks_back: whether a change that goes through the whole group may have begun before it.

        Returns:
            whether it changed a picture into another without a cut.
        """
        beyond = self._beyond(run, next_key, following)
        cuts = self._judge.cuts([*run, *beyond])
        is_partial = len(run) < group.last - group.first
        if next_key is not None and is_partial and len(run) in cuts and self._judge.may_be_drift(run[-1], next_key):
            run, is_partial = self._all_of(group), False
            if following is not None and len(beyond) == 1:
                beyond += following.beginning(ADAPTIVE_REACH)
            cuts = self._judge.cuts([*run, *beyond])
        cuts = self._without_flash(run, cuts)
        went_far = next_key is not None and self._need.is_far(group.last - group.first, self._key, next_key)
        changed = went_far and not cuts and self._rules.seeks_cuts
        if changed and looks_back:
            self._look_back()
        self._hand_on(run, cuts)
        self._previous = self._open if is_partial and self._rules.seeks_cuts else None  # else it did not drift
        if next_key is not None:
            self._key, self._key_is_cut = next_key, len(run) in cuts
        return changed

    def _beyond(self, run: Sequence[Look], next_key: Look | None, following: OpenGroup | None) -> list[Look]:
        """The next key frame, and the first frames after it where they may help to judge it."""
        beyond = [] if next_key is None else [next_key]
        if following is None:
            return beyond
        if self._judge.may_end_in_cut([*run, *beyond]) and following.moves_fast():
            frames = self._reader.frames(following.group)
            return beyond + [self._look(frame) for frame in islice(frames, 1, 1 + ADAPTIVE_REACH)]
        if self._judge.needs_more([*run, *beyond]):
            beyond += following.beginning(ADAPTIVE_REACH)
        return beyond

    def _look_back(self) -> None:
        """Hand on the last frames of the group before, if they were not looked at: a change may have begun there."""
        if not self._onward or self._key_is_cut or self._previous is None:
            return
        if self._outlet.last_frame >= self._previous.group.last - MOST_BETWEEN:
            return
        after = max(self._outlet.last_frame, self._previous.group.last - 1 - self._onward)
        for look in self._previous:
            if look.frame > after:
                self._outlet.take_one(look)

    def _all_of(self, group: Group, until: int | None = None, since: int = 0) -> list[Look]:
        """All frames of the group from the key frame on, up to the ``until``-th of the video; of those before the
        ``since``-th no B-frames."""
        looks = [self._key]
        for frame in islice(self._reader.frames(group, since), 1, None):
            looks.append(self._look(frame))
            if frame.index == until:
                break
        return looks

    def finish(self) -> Scan:
        """All groups were taken."""
        self._judge.forget()
        return self._outlet.finish(self._reader.decoded)

    def _without_flash(self, run: Sequence[Look], cuts: list[int]) -> list[int]:
        """The cuts in a run and what follows it; that on its first frame is taken back if a flash began there."""
        if not self._is_end_of_a_flash(run, cuts):
            return cuts
        self._key_is_cut = False
        return cuts[1:]

    def _is_end_of_a_flash(self, run: Sequence[Look], cuts: Sequence[int]) -> bool:
        """Whether the key frame began a flash, after which the picture is as it was before."""
        if not (self._key_is_cut and cuts and cuts[0] < len(run)) or self._outlet.before is None:
            return False
        if run[cuts[0]].frame - run[0].frame >= self._flash:
            return False
        *_, before = [self._outlet.before] if self._previous is None else self._previous
        return apart(before, run[cuts[0]]) < AS_BEFORE

    def _hand_on(self, run: Sequence[Look], cuts: Sequence[int]) -> None:
        self._outlet.take(run, [*([0] if self._key_is_cut else []), *cuts])

    def _look_for_movement(self, last: int, until: int | None = None) -> None:
        """Where none was seen in a shot, decode more of its last group, beyond its frame ``last`` and before the
        ``until``-th, until a frame differs from the shot's first."""
        seen = None
        for look in () if self._outlet.moves else self._open:
            if until is not None and look.frame >= until:
                break
            if look.frame > last:
                seen = look
                self._outlet.note(seen)
                if self._outlet.moves:
                    break
        if seen is not None:
            seen.is_due = True
            self._outlet.take_one(seen)

    def _run(self, group: Group, count: int, doubt: GroupDoubt, until: Look | None = None) -> tuple[list[Look], bool]:
        """The key frame and what is looked at of the ``count`` frames after it; where these end in black, also of
        those up to the end of the fade out of it.

        Args:
            group: the group.
            count: so many frames.
            doubt: what its bytes say; that is looked at in any case.
            until: what is in no other doubt need not be looked at long after this picture is seen.

        Returns:
            the frames, and whether they reach to the end of the group.
        """
        black = self._outlet.black()
        black.feed(0, self._key.yuv)
        if not count and (doubt.nothing or not black.is_black):
            return [self._key], group.last - group.first == 1
        is_all = self._needs_all(group, doubt)
        looks = map(self._look, self._reader.frames(group)) if is_all else self._open
        least = group.first + max(doubt.inside, self._goes_on)

        def is_seen(look: Look) -> bool:
            return until is not None and look.frame >= least and apart(look, until) < DIFFERS

        run = chain([self._key], islice(looks, 1, None))
        return self._as_far_as(run, group, count, self._outlet.black(), None if until is None else is_seen)

    def _as_far_as(
        self,
        looks: Iterable[Look],
        group: Group,
        count: int,
        black: BlackWatch,
        is_seen: Callable[[Look], bool] | None = None,
    ) -> tuple[list[Look], bool]:
        """Of what is looked at of a group the first, up to ``count`` frames after its key frame, or the end of the
        fade out of black there, or a while after something ``is_seen``; and whether that is all."""
        run: list[Look] = []
        for look in looks:
            black.feed(len(run), look.yuv, look.frame - run[-1].frame if run else 1)
            run.append(look)
            if is_seen is not None and len(run) % SEEN_EVERY == 0 and is_seen(look):
                count, is_seen = min(count, look.frame - group.first + self._after_seen), None
            if len(run) > 1 and look.frame - group.first >= count and not black.is_black:
                return run, count >= group.last - group.first - 1
        return run, True

    def _with_all_around_cuts(self, group: Group, run: list[Look], next_key: Look | None = None) -> list[Look]:
        """The run, and where only all frames can tell of a cut, these from the key frame on.

        An encoder that looks for cuts puts a key frame on one: before the next one none is looked for then.
        """
        frames = run if next_key is None or self._rules.seeks_cuts else [*run, next_key]
        vague = self._judge.vague(frames)
        if not vague:
            return run
        since, until = frames[vague[0] - 1].frame - BEFORE_VAGUE, frames[vague[-1]].frame + ADAPTIVE_REACH
        around = self._all_of(group, until, since if self._rules.seeks_cuts else 0)
        whole = [*around, *(look for look in run if look.frame > until)]
        return self._all_of(group, whole[-1].frame) if self._had_drifted(whole, len(around)) else whole

    def _had_drifted(self, run: Sequence[Look], position: int) -> bool:
        """Whether a run steps to pictures that had drifted so much that it seems a cut of its own."""
        cuts = self._judge.cuts(run)
        if position not in cuts:
            return False
        earlier = max((run[cut].frame for cut in cuts if cut < position), default=0)
        return run[position].frame - earlier >= self._settings.min_shot_frames

    def _look(self, frame: Frame) -> Look:
        return Look(frame.index, frame.yuv(self._step))

    def _is_black(self, look: Look) -> bool:
        luma = self._settings.black_luma
        return luma is not None and is_black(look.yuv, luma, self._full_range)
