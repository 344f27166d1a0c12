-- How long sums are kept (s), which is as long as a reply, the ids of counted answers, and the sums
-- of a turn.
local sumLifetime, answerLifetime, turnLifetime = 400 * 24 * 3600, 30 * 24 * 3600, 30 * 24 * 3600
