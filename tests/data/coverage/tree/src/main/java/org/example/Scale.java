package org.example;

import java.util.function.IntSupplier;

public class Scale {
    private static final int CEILING = Integer.getInteger("ceiling", 8);
    private final int cpus;

    public Scale(int cpus) {
        this.cpus = cpus;
    }

    public int grow(int by) {
        int wanted = cpus + by;
        if (wanted > CEILING || by < 0) {
            return refuse(wanted);
        }
        IntSupplier doubled = () -> {
            int twice = wanted * 2;
            return twice / 2;
        };
        Runnable never = new Runnable() {
            @Override
            public void run() {
                System.out.println("never");
            }
        };
        if (wanted == 7777) {
            never.run();
        }
        return doubled.getAsInt();
    }

    private int refuse(int wanted) {
        System.out.println("refused " + wanted);
        return -1;
    }
}

class Unused {
    int nothing() {
        return 0;
    }
}
