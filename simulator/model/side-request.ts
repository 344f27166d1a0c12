import { text, type Answer } from './answer.ts';
import { blocksOf, type MessagesRequest } from './messages-request.ts';

/**
 * Answers the small requests that Claude Code makes beside the conversation; undefined when the
 * request is a turn of it. A turn always offers tools. A quota check requests one token, a title or
 * topic request has no tools, a compaction asks for a summary in the last message, and a suggestion
 * of the person's next prompt is asked for with the turn's own tools.
 */
export function answerSideRequest(
  request: MessagesRequest,
  suggestion: string,
): Answer | undefined {
  if (request.max_tokens === 1) return text('ok');
  const last = request.messages.at(-1);
  const asked = last
    ? blocksOf(last)
        .map((block) => block.text ?? '')
        .join('\n')
    : '';
  if (/create a detailed summary of (?:the|this|our) conversation/i.test(asked)) {
    return text(
      '<summary>A conversation with a scripted model; nothing of it has to be remembered.</summary>',
    );
  }
  if (asked.includes('[SUGGESTION MODE:')) return text(suggestion);
  if (request.tools.length > 0) return undefined;
  return text('{"isNewTopic": false, "title": "Scripted conversation"}');
}
