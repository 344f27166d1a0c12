-- keys: answer
-- args: price
-- uses: spend
-- derives: spend:*
return record(price)
