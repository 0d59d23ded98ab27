"""From ids to videos: fetch with yt-dlp, say of each video what became of it, cut its clips."""
