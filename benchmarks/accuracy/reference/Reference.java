import com.amazon.randomcutforest.config.ForestMode;
import com.amazon.randomcutforest.config.ImputationMethod;
import com.amazon.randomcutforest.config.Precision;
import com.amazon.randomcutforest.config.TransformMethod;
import com.amazon.randomcutforest.parkservices.AnomalyDescriptor;
import com.amazon.randomcutforest.parkservices.ThresholdedRandomCutForest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * The Java reference forest over series in files, with the parameters of the detector plugin.
 *
 * <p>Each line on standard input is a job: input, output, seed, shingle size, trees, ratio, separated
 * by tabs. An input has one row per line, values separated by commas. An output has one line per
 * row: score, grade, threshold. A ratio above 0 is the plugin's default rule: values within that
 * share of the expected ones are ignored.
 */
public final class Reference {
    private static final int SAMPLE_SIZE = 256;
    private static final int MINUTE = 60_000;

    public static void main(String[] arguments) throws IOException {
        BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in));
        for (String line = jobs.readLine(); line != null; line = jobs.readLine()) {
            String[] job = line.split("\t");
            analyse(Path.of(job[0]), Path.of(job[1]), Long.parseLong(job[2]), Integer.parseInt(job[3]),
                    Integer.parseInt(job[4]), Double.parseDouble(job[5]));
        }
    }

    private static void analyse(Path input, Path output, long seed, int shingleSize, int trees, double ratio)
            throws IOException {
        List<String> rows = Files.readAllLines(input);
        int features = rows.get(0).split(",").length;
        ThresholdedRandomCutForest forest = forest(features, seed, shingleSize, trees, ratio);
        try (PrintWriter answers = new PrintWriter(Files.newBufferedWriter(output))) {
            long time = 0;
            for (String row : rows) {
                double[] values = Arrays.stream(row.split(",")).mapToDouble(Double::parseDouble).toArray();
                AnomalyDescriptor answer = forest.process(values, time);
                answers.println(answer.getRCFScore() + "," + answer.getAnomalyGrade() + "," + answer.getThreshold());
                time += MINUTE;
            }
        }
    }

    private static ThresholdedRandomCutForest forest(int features, long seed, int shingleSize, int trees,
            double ratio) {
        double decay = 1.0 / (10 * SAMPLE_SIZE);
        ThresholdedRandomCutForest.Builder<?> builder = ThresholdedRandomCutForest.builder()
                .dimensions(features * shingleSize).shingleSize(shingleSize).sampleSize(SAMPLE_SIZE)
                .numberOfTrees(trees).timeDecay(decay).transformDecay(decay)
                .outputAfter(Math.max(shingleSize, 32)).initialAcceptFraction(32.0 / SAMPLE_SIZE)
                .parallelExecutionEnabled(false).compact(true).precision(Precision.FLOAT_32)
                .boundingBoxCacheFraction(1).internalShinglingEnabled(true).anomalyRate(0.005)
                .transformMethod(TransformMethod.NORMALIZE).alertOnce(true).autoAdjust(true).randomSeed(seed);
        if (shingleSize > 1) {
            builder.forestMode(ForestMode.STREAMING_IMPUTE).imputationMethod(ImputationMethod.PREVIOUS);
        } else {
            builder.forestMode(ForestMode.STANDARD);
        }
        if (ratio > 0) {
            double[] ratios = new double[features];
            Arrays.fill(ratios, ratio);
            builder.ignoreNearExpectedFromAboveByRatio(ratios).ignoreNearExpectedFromBelowByRatio(ratios);
        }
        return builder.build();
    }

    private Reference() {}
}
