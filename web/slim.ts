/**
 * What the viewers carry but this page never reaches, left out of the build.
 *
 * Cornerstone3D and NiiVue together are 7.6 MB built; the Python package that carries the page has room for half
 * of that. Files that need one of these parts are shown as the server's picture instead, and the page says so.
 * The versions are pinned, and tests open DICOM files and volumes in a real browser: a part that is missed shows.
 */
import type { Plugin } from "vite";

const NOTHING = "export default {};";
const LEFT_OUT: ReadonlyArray<[path: RegExp, code: string]> = [
  // Cornerstone3D draws with WebGL: vtk.js's other back end is not needed, nor are its file formats and colours.
  [/vtk\.js\/Rendering\/WebGPU\//, "export const newInstance = undefined; export default {};"],
  [/vtk\.js\/IO\/(XML|Geometry|Legacy)\//, NOTHING],
  [
    /vtk\.js\/Rendering\/Core\/ColorTransferFunction\/(Lite)?ColorMaps\.json\.js$/,
    "export const v = []; export default [];",
  ],
  // JPEG XL (1.1 MB) is rare in DICOM so far.
  [
    /dicom-image-loader\/.*\/decodeJPEGXL\.js$/,
    "export default () => { throw new Error('JPEG XL is not decoded here'); }; export const initialize = () => undefined;",
  ],
  // High-throughput JPEG 2000 (0.5 MB) as well.
  [
    /dicom-image-loader\/.*\/decodeHTJ2K\.js$/,
    "export default () => { throw new Error('HTJ2K is not decoded here'); }; export const initialize = () => undefined;",
  ],
  // Decoding is the worker's work; the loader's index would bring every decoder to the page a second time.
  [
    /dicom-image-loader\/dist\/esm\/index\.js$/,
    "export { default as init } from './init.js'; export { default as wadouri } from './imageLoader/wadouri/index.js';",
  ],
  // Viewports for slides, video and electrocardiograms.
  [/core\/dist\/esm\/RenderingEngine\/(WSI|Video|ECG)Viewport\.js$/, "export default class {}"],
  // Zarr stores, which no upload can be.
  [/node_modules\/zarrita\//, "export const root = 0, open = 0, get = 0, slice = 0, FetchStore = 0, registry = 0;"],
];

export function slim(): Plugin {
  return {
    name: "slim",
    enforce: "pre",
    load(id) {
      return LEFT_OUT.find(([path]) => path.test(id))?.[1] ?? null;
    },
  };
}
