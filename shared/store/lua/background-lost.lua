-- The entries of a home's workers that live no more; `home` is what the names of its queues end in.
-- keys: background
-- args: prefix, home
-- uses: lost-work
return lostWork(prefix, background, home)
