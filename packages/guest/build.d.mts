/** Returns the absolute path of the bundle, `dist/guest.cjs` unless another is named. */
export declare const buildGuest: (outfile?: string) => Promise<string>;
