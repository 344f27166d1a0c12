import type { RefusalAction } from '../store/reply.ts';

/**
 * Maps all of Twilio's error codes (twilio.com/docs/api/errors) to actions. 20003 and 20005 are
 * problems of the account, fixed by its owner: the reply is kept and retried, so that a token
 * rotation loses nothing.
 */
const actions: Record<RefusalAction, number[]> = {
  later: [20003, 20005, 20429, 20503, 21611, 30001, 63017, 63038],
  slow: [63018],
  'once-more': [30008, 30500, 63009, 63010, 63011, 63012, 63019, 63023, 63037],
  reconcile: [20500],
  park: [63016],
  'as-text': [
    21655, 21656, 21658, 63005, 63013, 63021, 63027, 63028, 63029, 63030, 63040, 63041, 63042,
  ],
  'give-up': [11751, 21617, 21620, 21623, 63006, 63020, 63022, 63034],
  unreachable: [
    20001, 20004, 20006, 20008, 20010, 20403, 20404, 20422, 21201, 21211, 21212, 21408, 21601,
    21602, 21603, 21604, 21606, 21608, 21610, 21612, 21614, 21701, 21703, 21910, 30002, 30003,
    30004, 30005, 30006, 30007, 63001, 63002, 63003, 63007, 63008, 63014, 63015, 63024, 63031,
    63032, 63033, 63051,
  ],
};

const byCode = new Map<number, RefusalAction>(
  Object.entries(actions).flatMap(([action, codes]) =>
    codes.map((code): [number, RefusalAction] => [code, action as RefusalAction]),
  ),
);

/**
 * The action for a refusal. `status` is the HTTP status of the answer, undefined for a status
 * callback. For an unknown code the status decides: 429 was not processed, 5xx may have been,
 * anything else is final.
 */
export function refusalAction(code: number | undefined, status?: number): RefusalAction {
  if (status === 429) return 'later';
  const known = code === undefined ? undefined : byCode.get(code);
  if (known) return known;
  return status !== undefined && status >= 500 ? 'reconcile' : 'give-up';
}
