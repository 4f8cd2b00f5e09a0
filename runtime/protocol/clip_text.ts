/**
 * `text`, or its beginning and how much longer it was.
 *
 * @param limit Characters that are kept, at least 1.
 */
export function clipText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit)} … (${text.length - limit} more characters)`;
}
