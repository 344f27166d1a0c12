import * as echarts from 'echarts';
import type { Plot } from './section.ts';

/** The size of a plot (px): as wide as a column of text. */
const size = { width: 720, height: 380 };

const colours = ['#0b7a5c', '#8a8f98', '#c2603a', '#3b6fb6'];

/** Draws the plot as a standalone SVG, with a background that is also light in dark pages. */
export function drawPlot({ title, x, y, series }: Plot): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: colours,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: { text: title, left: 16, top: 12, textStyle: { fontSize: 15, fontWeight: 600 } },
    legend: { bottom: 10, data: series.map(({ name }) => name) },
    grid: { left: 64, right: 28, top: 64, bottom: 84 },
    xAxis: { type: 'category', name: x, nameLocation: 'middle', nameGap: 30, data: axisOf(series) },
    yAxis: { type: 'value', name: y, nameTextStyle: { align: 'left' } },
    series: series.map(({ name, points }) => ({
      name,
      type: 'line',
      symbolSize: 7,
      data: axisOf(series).map((at) => points.find(([own]) => String(own) === at)?.[1] ?? null),
      connectNulls: true,
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** All positions on the axis, in order. */
function axisOf(series: Plot['series']): string[] {
  return [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))]
    .toSorted((a, b) => a - b)
    .map(String);
}
