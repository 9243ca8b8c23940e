/** Cuts a stream of bytes into lines; a line longer than the cap is given up, so that nobody can fill our memory. */
export interface LineCutter {
  push(bytes: Uint8Array): readonly string[];
}

export const createLineCutter = (maxLineBytes: number): LineCutter => {
  let open: Uint8Array[] = [];
  let openBytes = 0;
  let tooLong = false;
  const keep = (bytes: Uint8Array) => {
    openBytes += bytes.length;
    tooLong ||= openBytes > maxLineBytes;
    if (tooLong) open = [];
    else if (bytes.length > 0) open.push(bytes);
  };
  const close = (): readonly string[] => {
    const line = tooLong ? [] : [Buffer.concat(open).toString('utf8')];
    open = [];
    openBytes = 0;
    tooLong = false;
    return line;
  };
  return {
    push(bytes) {
      const lines: string[] = [];
      let from = 0;
      for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
        keep(bytes.subarray(from, at));
        lines.push(...close());
        from = at + 1;
      }
      keep(bytes.slice(from));
      return lines;
    },
  };
};
