/** A growing log of bytes that any number of readers follow by cursor. */
export interface ByteLog {
  append(bytes: Uint8Array): void;
  /** What is there from a cursor on; `cursor` is later than asked when older bytes were dropped. */
  from(cursor: number): { readonly cursor: number; readonly bytes: Uint8Array };
}

export const createByteLog = (keptBytes: number): ByteLog => {
  let start = 0;
  let bytes: Uint8Array = new Uint8Array(0);
  return {
    append(more) {
      const all = Buffer.concat([bytes, more]);
      const dropped = Math.max(0, all.length - keptBytes);
      start += dropped;
      bytes = all.subarray(dropped);
    },
    from(cursor) {
      const at = Math.max(cursor, start);
      return { cursor: at, bytes: bytes.subarray(at - start) };
    },
  };
};
