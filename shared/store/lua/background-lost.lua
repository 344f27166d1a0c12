-- The entries of workers that live no more.
-- keys: background
-- args: prefix
-- uses: lost-work
return lostWork(prefix, background)
