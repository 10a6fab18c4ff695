/** The version GetPluginInfo answers with; the one in package.json. */
export const version = '0.1.0';
