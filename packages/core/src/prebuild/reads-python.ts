/** Whether Python's requirements files list only packages, or also refer to files in the repository. */

/** Requirements files that are inputs themselves, recognized by name. */
export const isRequirementList = (path: string): boolean => {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return /\.(?:txt|in)$/.test(name) && (name.includes('requirements') || name.includes('constraints'));
};

const OTHER_LIST = /^(?:-r|-c|--requirement|--constraint)[ =](?![/~$])([\w./-]+)$/;
const OPTION =
  /^(?:-i|--index-url|--extra-index-url|--trusted-host|--only-binary|--no-binary|--prefer-binary|--require-hashes|--pre)(?:[ =](?!file:|[./~])\S+)?$/;
/** A name with versions, hashes and conditions, or with the URL it is fetched from. */
const isPackage = (line: string): boolean => {
  const name = NAME.exec(line)?.[0];
  if (name === undefined) return false;
  const rest = line.slice(name.length);
  const address = ADDRESS.exec(rest)?.[0];
  return address === undefined ? TERMS.test(rest) : AFTER_ADDRESS.test(rest.slice(address.length));
};

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[\w., -]*\])?[ \t]*/;
const ADDRESS = /^@ *(?:https|git\+https|git\+ssh):\S+/;
const TERMS = /^(?:--hash=|[(<>=!~;]|$)[^/\\]*$/;
const AFTER_ADDRESS = /^(?:[ \t]+(?:--hash=|;)[^/\\]*)?$/;

/** As Python splits lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they end lines there.
const LINE_END = /[\r\n\v\f\u001c-\u001e\u0085\u2028\u2029]/;

export const isPlainRequirementList = (text: string): boolean =>
  text
    .replace(/\\\r?\n/g, ' ')
    .split(LINE_END)
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .every((line) => line === '' || namesOtherList(line) || OPTION.test(line) || isPackage(line));

const namesOtherList = (line: string): boolean => isRequirementList(OTHER_LIST.exec(line)?.[1] ?? '');
