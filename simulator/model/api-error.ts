/** The error types of the Messages API, https://docs.anthropic.com/en/api/errors */
export type ApiErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'billing_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'api_error'
  | 'overloaded_error';

/** A refusal of the Messages API: HTTP status, extra headers and the JSON that says why. */
export type ApiError = {
  status: number;
  type: ApiErrorType;
  message: string;
  headers?: Record<string, string>;
};

/** The JSON body in which the Messages API reports an error. */
export function formatApiError({ type, message }: ApiError): string {
  return JSON.stringify({ type: 'error', error: { type, message } });
}
