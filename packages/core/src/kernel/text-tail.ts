/** The end of a log, where failures show. */

const LOG_TAIL_MAX_BYTES = 16 * 1024;

/** The last `maxBytes` bytes of a text in UTF-8; a character cut in half is dropped. */
export const tailOf = (text: string, maxBytes: number): string => {
  // A UTF-16 code unit is at most three bytes, so most texts are known to fit without encoding them.
  if (text.length * 3 <= maxBytes) return text;
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  let start = bytes.length - maxBytes;
  while (start < bytes.length && isContinuation(bytes[start])) start += 1;
  return new TextDecoder().decode(bytes.subarray(start));
};

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/**
 * Both streams in one tail. Stderr is usually the shorter one, so it is guaranteed at least half of the
 * space.
 */
export const tailOfBoth = (stdout: string, stderr: string, maxBytes = LOG_TAIL_MAX_BYTES): string => {
  if (stderr.trim() === '') return tailOf(stdout, maxBytes);
  if (stdout.trim() === '') return tailOf(stderr, maxBytes);
  const seam = '\n--- stderr ---\n';
  const room = maxBytes - seam.length;
  const half = Math.floor(room / 2);
  const errors = tailOf(stderr, Math.max(half, room - byteLength(stdout)));
  return `${tailOf(stdout, room - byteLength(errors))}${seam}${errors}`;
};

const byteLength = (text: string): number => new TextEncoder().encode(text).length;
