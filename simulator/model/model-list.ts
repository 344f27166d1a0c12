import { formatApiError } from './api-error.ts';

/** The models of the scripted API, newest first. The last one has a release's date, as some do. */
const models = [
  { id: 'claude-opus-5-5', name: 'Claude Opus 5.5', at: '2026-10-14T00:00:00Z' },
  { id: 'claude-sonnet-5-5', name: 'Claude Sonnet 5.5', at: '2026-09-02T00:00:00Z' },
  { id: 'claude-haiku-4-5', name: 'Claude Haiku 4.5', at: '2025-10-15T00:00:00Z' },
  { id: 'claude-sonnet-4-5-20250929', name: 'Claude Sonnet 4.5', at: '2025-09-29T00:00:00Z' },
].map(({ id, name, at }) => ({ type: 'model', id, display_name: name, created_at: at }));

/**
 * Answers `GET /v1/models` and `GET /v1/models/ID` as the API does
 * (https://platform.claude.com/docs/en/api/models-list): the whole list on one page, and a single
 * model by its id or by its id without the date.
 */
export function answerModels(path: string): { status: number; body: string } {
  const wanted = decodeURIComponent(path.replace(/^\/v1\/models\/?/, ''));
  if (wanted === '')
    return {
      status: 200,
      body: JSON.stringify({
        data: models,
        first_id: models[0]?.id,
        last_id: models.at(-1)?.id,
        has_more: false,
      }),
    };
  const model = models.find(({ id }) => id === wanted || id.replace(/-\d{8}$/, '') === wanted);
  if (model) return { status: 200, body: JSON.stringify(model) };
  const error = { status: 404, type: 'not_found_error' as const, message: `model: ${wanted}` };
  return { status: 404, body: formatApiError(error) };
}
