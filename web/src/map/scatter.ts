/**
 * Many points at once: WebGL, some points a frame.
 *
 * Points are drawn in an order that leaps through them, so that the first are a sample of all. As many are drawn at once
 * as take a few milliseconds on this machine; the others follow frame by frame, until something moves again. With a
 * graphics card that is a million at once; without one the picture fills in while nothing waits.
 */

export interface Camera {
  /** Centre in data units, and how many data units half the height of the plot spans. */
  x: number;
  y: number;
  half: number;
}

export interface Scatter {
  /** x, y per point, in [0, 1]. */
  points: (x: Float32Array, y: Float32Array) => void;
  /** r, g, b and behind in a number per point (`coloured`); points are grey until they have any. */
  colours: (shades: Uint32Array) => void;
  /** Draws a first part at once; `done` is called when all are drawn. */
  draw: (camera: Camera, done: () => void) => void;
  dispose: () => void;
}

const VERTEX = `
attribute vec2 at; attribute vec4 colour; uniform vec4 camera; uniform float size; varying vec3 shade;
void main() {
  gl_Position = vec4((at - camera.xy) / camera.zw, 0.5 * colour.a, 1.0);
  gl_PointSize = size;
  shade = colour.rgb;
}`;
const FRAGMENT = `
precision mediump float; varying vec3 shade;
void main() {
  float from = length(gl_PointCoord - 0.5);
  if (from > 0.5) discard;
  gl_FragColor = vec4(shade, 1.0) * smoothstep(0.5, 0.38, from) * 0.88;
}`;
const STEPS = 65_535; // in which a place is told to the card
const GREY = [110 / 255, 122 / 255, 134 / 255, 0] as const;
const AT_ONCE = 25_000; // points at first
const LEAST = 25_000; // with fewer a million take a hundred frames, each of which waits for the screen
const [QUICK, SLOW] = [16, 48]; // milliseconds of a part; outside of these the next one is larger, or smaller

function compiled(gl: WebGLRenderingContext, kind: number, source: string): WebGLShader {
  const shader = gl.createShader(kind)!;
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** How far each leap goes through so many points: near the golden section of them, and it comes past each once. */
export function leap(count: number): number {
  let by = Math.max(1, Math.floor(count * 0.618));
  while (divisor(count, by) !== 1) by++;
  return by;
}

/** null where the browser has no WebGL. */
export function makeScatter(canvas: HTMLCanvasElement): Scatter | null {
  const gl = canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
  if (!gl) return null;
  const program = gl.createProgram();
  gl.attachShader(program, compiled(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(program, compiled(gl, gl.FRAGMENT_SHADER, FRAGMENT));
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);
  gl.depthFunc(gl.LEQUAL);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const [places, shades] = [gl.createBuffer(), gl.createBuffer()];
  const [cameraAt, sizeAt] = [gl.getUniformLocation(program, "camera"), gl.getUniformLocation(program, "size")];
  let [count, by, atOnce, next] = [0, 1, AT_ONCE, 0];
  const [placeAt, shadeAt] = [gl.getAttribLocation(program, "at"), gl.getAttribLocation(program, "colour")];
  const fill = (at: number, buffer: WebGLBuffer, data: Uint16Array | Uint32Array, width: number, kind: number): void => {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, width, kind, true, 4, 0);
  };
  const clear = (camera: Camera): void => {
    const density = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * density, canvas.clientHeight * density].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width!, height!];
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniform4f(cameraAt, camera.x, camera.y, camera.half * (canvas.width / (canvas.height || 1)), camera.half);
    gl.uniform1f(sizeAt, pointSize(count) * density);
  };
  const pixel = new Uint8Array(4);
  /** Draws points from one on, and waits for them, to know how many to draw at once. */
  const part = (from: number): number => {
    const many = Math.min(atOnce, count - from);
    if (many <= 0) return count;
    const began = performance.now();
    gl.drawArrays(gl.POINTS, from, many);
    if (count > LEAST) {
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
      const took = performance.now() - began;
      if (took > SLOW) atOnce = Math.max(LEAST, Math.round(atOnce / 2));
      else if (took < QUICK && many === atOnce) atOnce *= 2;
    }
    return from + many;
  };
  return {
    points: (x, y) => {
      [count, by] = [x.length, leap(x.length)];
      const data = new Uint16Array(count * 2);
      for (let at = 0, row = 0; at < count; at++) {
        data[2 * at] = x[row]! * STEPS + 0.5;
        data[2 * at + 1] = y[row]! * STEPS + 0.5;
        if ((row += by) >= count) row -= count;
      }
      fill(placeAt, places, data, 2, gl.UNSIGNED_SHORT);
      gl.disableVertexAttribArray(shadeAt);
      gl.vertexAttrib4f(shadeAt, ...GREY);
    },
    colours: (given) => {
      const data = new Uint32Array(count);
      for (let at = 0, row = 0; at < count; at++) {
        data[at] = given[row]!;
        if ((row += by) >= count) row -= count;
      }
      fill(shadeAt, shades, data, 4, gl.UNSIGNED_BYTE);
    },
    draw: (camera, done) => {
      cancelAnimationFrame(next);
      clear(camera);
      const follow = (from: number): void => {
        const reached = part(from);
        if (reached < count) next = requestAnimationFrame(() => follow(reached));
        else done();
      };
      follow(0);
    },
    dispose: () => (cancelAnimationFrame(next), gl.getExtension("WEBGL_lose_context")?.loseContext()),
  };
}

const pointSize = (count: number): number => Math.max(2.5, Math.min(11, 260 / Math.sqrt(count || 1)));
