/** Returns the absolute path of what starts the program: `dist/start.mjs` in the folder. */
export declare const buildProgram: (
  folder: string,
  entry: string,
  lockFile: string,
  workers?: Readonly<Record<string, string>>,
) => Promise<string>;
