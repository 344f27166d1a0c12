-- keys: turnSums, call
-- args: micros
-- uses: idempotent, spend-lifetimes
return once(call, function()
  redis.call('HINCRBY', turnSums, 'granted', micros)
  return redis.call('EXPIRE', turnSums, turnLifetime)
end)
