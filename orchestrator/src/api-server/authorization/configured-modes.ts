import { readFileText } from '../configuration/read-file-text.ts';
import type { AuthorizationOptions } from './authorization-options.ts';
import type { AuthorizationMode } from './modes.ts';

interface Options {
  readonly authorization?: Omit<AuthorizationOptions, 'modes'>;
  readonly authorizationModes?: readonly AuthorizationMode[];
}

/** With the modes that a file of --authorization-config names, where there is one. @throws RangeError – the file is wrong. */
export async function withConfiguredModes<T extends Options>(options: T): Promise<T> {
  const path = options.authorization?.configFile;
  if (path === undefined) return options;
  const { parseAuthorizationConfiguration } = await import('./authorization-configuration.ts');
  const authorizers = parseAuthorizationConfiguration(await readFileText(path));
  return { ...options, authorizationModes: authorizers.map(({ type }) => type) };
}
