import { type FunctionDeclaration, functionTable } from '../language/declarations.ts';
import { standardMacros } from '../language/standard-macros.ts';
import { addresses, cidrType, ipType } from './addresses.ts';
import { arithmetic } from './arithmetic.ts';
import { authorization } from './authorization.ts';
import { comprehensionMacros, comprehensions } from './comprehensions.ts';
import { conversions } from './conversions.ts';
import { formatLibrary } from './formats.ts';
import { lists, listsExtension, sets } from './lists.ts';
import { operators } from './operators.ts';
import { optionalMacros, optionals } from './optionals.ts';
import { quantities } from './quantities.ts';
import { regex } from './regex.ts';
import { semver } from './semver.ts';
import { strings } from './strings.ts';
import { text } from './text.ts';
import { time } from './time.ts';
import { urls } from './urls.ts';

/** What every expression of Kubernetes 1.36 can call (cel/environment/base.go). */
export const baseFunctions: ReadonlyMap<string, FunctionDeclaration> = functionTable([
  operators,
  arithmetic,
  conversions,
  text,
  time,
  urls,
  regex,
  lists,
  authorization,
  optionals,
  quantities,
  strings,
  sets,
  addresses,
  formatLibrary,
  comprehensions,
  semver,
  listsExtension,
]);

export const baseMacros = new Map(Object.entries({ ...standardMacros, ...optionalMacros, ...comprehensionMacros }));

/** Types that expressions can name beyond the language's own. */
export const baseTypes = [ipType, cidrType];
