// Clips are parts of one file: a player stays inside its part, and one plays at a time.
(() => {
  const bounds = video => [Number(video.dataset.start), Number(video.dataset.end)];
  const isPart = target => target instanceof HTMLVideoElement && target.dataset.end !== undefined;
  document.addEventListener('play', event => {
    for (const other of document.querySelectorAll('.gradio-container video')) {
      if (other !== event.target) other.pause();
    }
    if (!isPart(event.target)) return;
    const [start, end] = bounds(event.target);
    const now = event.target.currentTime;
    if (now < start - 0.05 || now >= end - 0.05) event.target.currentTime = start;
  }, true);
  document.addEventListener('timeupdate', event => {
    if (!isPart(event.target)) return;
    const [start, end] = bounds(event.target);
    if (event.target.currentTime >= end && !event.target.paused) {
      event.target.pause();
      event.target.currentTime = start;
    }
  }, true);
  // A bar of the timeline leads to its card without leaving a mark in the history.
  document.addEventListener('click', event => {
    const link = event.target instanceof Element && event.target.closest('.p-timeline a');
    const card = link && document.getElementById(link.getAttribute('href').slice(1));
    if (!card) return;
    event.preventDefault();
    card.scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
    card.focus({ preventScroll: true });
  });
})();
