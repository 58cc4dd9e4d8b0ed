package org.example;

import java.io.BufferedReader;
import java.io.InputStreamReader;

public class Server {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("up");
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(new Scale(2).grow(Integer.parseInt(line)));
        }
    }
}
